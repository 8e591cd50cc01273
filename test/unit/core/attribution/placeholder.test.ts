// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is looked for

import { expect, test } from 'vitest';
import { findPlaceholder } from '../../../../src/main/core/attribution/placeholder.ts';

test.each([
  // Jamf Pro and Kandji
  ['$EMAIL', '$EMAIL'],
  ['$FULL_NAME', '$FULL_NAME'],
  ['team-$DEPARTMENTNAME', '$DEPARTMENTNAME'],
  ['dept_$EXTENSIONATTRIBUTE_12', '$EXTENSIONATTRIBUTE_12'],
  ['$USERNAME@corp.example', '$USERNAME'],
  // Jamf School, Mosyle, Apple Profile Manager, Sophos, Windows
  ['%Email%', '%Email%'],
  ['%email%', '%email%'],
  ['%Username%@corp.example', '%Username%'],
  ['%short_name%', '%short_name%'],
  ['%FullName,prefix:x%', '%FullName,prefix:x%'],
  ['%_EMAILADDRESS_%', '%_EMAILADDRESS_%'],
  ['%_DEVPROP(IMEI)_%', '%_DEVPROP(IMEI)_%'],
  ['%USERNAME%', '%USERNAME%'],
  ['%DeviceName%', '%DeviceName%'],
  // Intune, SimpleMDM, Addigy
  ['{{mail}}', '{{mail}}'],
  ['{{userprincipalname}}', '{{userprincipalname}}'],
  ['{{ EmailAddress }}', '{{ EmailAddress }}'],
  ['{{.User "emails_primary"}}', '{{.User "emails_primary"}}'],
  // Workspace ONE
  ['{EmailAddress}', '{EmailAddress}'],
  ['{EnrollmentUser}@corp.example', '{EnrollmentUser}'],
  ['{FirstName}.{LastName}@corp.example', '{FirstName}'],
  // Shells, Fleet, Citrix, this relay's own templates where nobody knows them
  ['${EMAIL}', '${EMAIL}'],
  ['${user.username}', '${user.username}'],
  ['$FLEET_VAR_HOST_END_USER_EMAIL_IDP', '$FLEET_VAR_HOST_END_USER_EMAIL_IDP'],
  ['${git:user.email}', '${git:user.email}'],
  ['$(whoami)@corp.example', '$(whoami)'],
  // Scalefusion, PowerShell, CapaInstaller, Ivanti
  ['$user.email', '$user.email'],
  ['$email', '$email'],
  ['$env:USERNAME', '$env:USERNAME'],
  ['$Email$', '$Email$'],
  ['$EMAIL$', '$EMAIL'],
  // Vendors' guides
  ['<USER_EMAIL>', '<USER_EMAIL>'],
  ['<your e-mail>', '<your e-mail>'],
  ['work <email>', '<email>'],
])('%s is a placeholder', (value, placeholder) => {
  expect(findPlaceholder(value)).toBe(placeholder);
});

test.each([
  'dev@example.com',
  'first.last+tag@sub.example.co.uk',
  "o'brien@example.com",
  'a$b',
  'a$b$c',
  'US$100',
  '$5',
  '$A',
  'CA$AUD',
  '100%',
  '5%of%10',
  '50% of it, 20% of that',
  '10%a, 20%b',
  'M%C3%BCller%20Gr%C3%BC%C3%9Fe',
  'user%corp.example@gateway.example',
  'price {x}',
  '{"team":"a"}',
  'a {b} c',
  '{}',
  '{{}}',
  '$',
  '%%',
  'Jo Doe <jo@example.com>',
  'a < b > c',
  '<REDACTED>',
  'C:\\Users\\jo',
  'platform',
  'Forschung & Entwicklung',
  '日本語',
  '',
])('%s is an ordinary value', (value) => {
  expect(findPlaceholder(value)).toBeUndefined();
});

test('a long value costs no more than a short one', () => {
  for (const character of ['%', '$', '{', '<', '%a', '$A', '{{a', '${a', '{mail']) {
    expect(findPlaceholder(character.repeat(1_000_000))).toBeOneOf([undefined, expect.any(String)]);
  }
});

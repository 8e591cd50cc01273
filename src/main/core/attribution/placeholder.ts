/**
 * Variables that device management, or a person who copied an example, should have filled in. What is taken for one:
 *
 * | form | of | but not |
 * |---|---|---|
 * | `%Email%`, `%_EMAILADDRESS_%`, `%FullName,upper%` | Jamf School, Mosyle, Sophos, Windows | behind a digit (`5%of%`), percent-encoded text |
 * | `$EMAIL`, `$FULL_NAME` | Jamf Pro, Kandji, shells | with less than three capitals, behind a letter or digit (`a$b`, `US$EUR`) |
 * | `$email`, `$user.email`, `$env:USERNAME`, `$Email$` | Scalefusion, PowerShell, CapaInstaller | unless it names a person or machine |
 * | `${EMAIL}`, `$(whoami)` | shells, Fleet, Citrix | |
 * | `{{mail}}`, `{{.User "email"}}` | Intune, SimpleMDM, Addigy | |
 * | `{EmailAddress}` | Workspace ONE | unless it names a person or machine (`price {x}`) |
 * | `<USER_EMAIL>`, `<your e-mail>` | vendors' guides | unless it names a person or machine, with an @ (`Jo <jo@example.com>`) |
 *
 * Jamf Pro: https://learn.jamf.com/bundle/jamf-pro-documentation-current/page/Computer_Configuration_Profiles.html,
 * Jamf School: https://docs.jamf.com/jamf-school/documentation/Payload_Variables.html,
 * Sophos: https://doc.sophos.com/central/Mobile/help/en-us/AdminHelp/Policies/Placeholders/,
 * Addigy: https://support.addigy.com/hc/en-us/articles/49233526494739,
 * Span's guide has `work_email=<USER_EMAIL>`: https://span-knowledge-base.help.usepylon.com/articles/9569114692.
 *
 * @returns the first that is found, or undefined for a value without one.
 */
export function findPlaceholder(value: string): string | undefined {
  const text = value.slice(0, longestLookedAt);
  for (const { pattern, personal, unless } of forms) {
    if (unless?.test(text)) continue;
    for (const [found] of text.matchAll(pattern)) if (!personal || personalWords.test(found)) return found;
  }
  return undefined;
}

/** Characters; a value that is longer is no e-mail address either. */
const longestLookedAt = 1024;

const personalWords =
  /mail|user|name|upn|login|account|owner|employee|person|device|computer|serial|host|enrol|department/i;

const forms: readonly { readonly pattern: RegExp; readonly personal?: true; readonly unless?: RegExp }[] = [
  { pattern: /(?<!\d)%[A-Za-z_][\w.()-]+(?:,[^%\s]*)?%/g, unless: /^(?:[^%]|%[\da-f]{2})*$/i },
  { pattern: /\{\{[^{}]+\}\}/g },
  { pattern: /\$\{[^{}]+\}|\$\([^()]+\)/g },
  { pattern: /(?<![A-Za-z\d$])\$[A-Z][A-Z\d_]{2,}(?![a-z])/g },
  { pattern: /(?<![A-Za-z\d$])\$[A-Za-z_][\w.:]*\$?/g, personal: true },
  { pattern: /\{[A-Za-z][\w. -]*\}/g, personal: true },
  { pattern: /<[^<>@]+>/g, personal: true },
];

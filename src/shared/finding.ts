export type Severity = 'error' | 'warning' | 'info';

/** Something that a person should know about, from the catalogue below, filled in with what was found. */
export interface Finding {
  /** Dotted, lower case, stable for ever: `area.what-is-wrong`. */
  readonly id: FindingId;
  readonly severity: Severity;
  /** One line: what is wrong. */
  readonly title: string;
  /** What was seen, where, and what it means for the data. */
  readonly detail: string;
  /** The next step, for the person who reads it. */
  readonly fix: string;
  /** The file, place or destination that the finding is about. */
  readonly source: string;
}

interface FindingKind {
  readonly severity: Severity;
  readonly title: string;
  /** The next step, in one sentence. */
  readonly fix: string;
  /** What else there is to say about the fix: what happens by itself, what is not affected. */
  readonly after?: string;
}

/** Every finding that exists, with the words and the severity that hold unless a finding says them more exactly. */
export const findingCatalogue = {
  'claude.nothing-received': {
    severity: 'info',
    title: 'No Claude Code session has reported yet',
    fix: 'Start a new Claude Code session with OTEL_EXPORTER_OTLP_ENDPOINT pointing at this relay.',
  },
  'claude.no-identity': {
    severity: 'warning',
    title: 'Claude Code does not say whose telemetry it is',
    fix: 'Set work_email in OTEL_RESOURCE_ATTRIBUTES in the managed settings of Claude Code, or in resourceAttributes in the config file.',
    after:
      'If it is set, its value may be a placeholder such as %Email% that was never filled in, which Claude Code drops.',
  },
  'claude.identity-placeholder': {
    severity: 'warning',
    title: 'Claude Code sends a placeholder in the place of an e-mail address',
    fix: 'Correct OTEL_RESOURCE_ATTRIBUTES in the managed settings of Claude Code.',
    after: 'A session takes it over when it is started anew.',
  },
  'destination.none-configured': {
    severity: 'warning',
    title: 'No destination is configured',
    fix: 'Add a destination to the config file.',
  },
  'destination.policy-token-refused': {
    severity: 'warning',
    title: 'The destination refuses the token in the policy',
    fix: 'Ask IT to put a current token into the policy.',
  },
  'destination.config-token-refused': {
    severity: 'warning',
    title: 'The destination refuses the token in the config file',
    fix: 'Correct the token in the config file.',
  },
  'destination.file-token-refused': {
    severity: 'warning',
    title: 'The destination refuses the token in its token file',
    fix: 'Put a current token into the token file, or mend what writes it.',
  },
  'destination.token-file-unusable': {
    severity: 'warning',
    title: 'The token file of the destination cannot be used',
    fix: 'Have the token put into the file, alone and on one line.',
    after: 'It is read again by itself.',
  },
  'destination.presented-credential-ambiguous': {
    severity: 'warning',
    title: 'The token that Claude Code presents may be meant for several destinations',
    fix: 'Put a token for each of the destinations into the config file.',
  },
  'destination.no-credential': {
    severity: 'warning',
    title: 'The destination has no credential yet',
    fix: 'Put a token into the config file, or let Claude Code send one in OTEL_EXPORTER_OTLP_HEADERS.',
  },
  'destination.credentials-refused': {
    severity: 'error',
    title: 'The destination refuses the credentials',
    fix: 'Ask for a current token and put it into the config file.',
    after: 'Sending resumes by itself.',
  },
  'destination.endpoint-wrong': {
    severity: 'error',
    title: 'The destination does not accept telemetry at this address',
    fix: 'Correct the endpoint in the config file.',
    after: 'Sending resumes by itself.',
  },
  'destination.captive-portal': {
    severity: 'warning',
    title: 'A web page answers instead of the destination',
    fix: 'Log in to the network (a captive portal or a proxy is in between).',
    after: 'Sending resumes by itself.',
  },
  'destination.proxy-refused': {
    severity: 'error',
    title: 'The proxy does not let telemetry through',
    fix: 'Correct the proxy or its login in the config file (or in the environment, then restart the relay), or ask IT to allow the destination.',
    after: 'Sending resumes by itself.',
  },
  'destination.certificate-file-unusable': {
    severity: 'error',
    title: 'A file of certificates or keys cannot be used',
    fix: 'Mend the file that is named, or correct its path in the config file.',
    after: 'It is read again by itself, and sending resumes.',
  },
  'destination.client-certificate-refused': {
    severity: 'error',
    title: 'The destination wants a client certificate that it accepts',
    fix: 'Put a current certificate and its key where clientCert and clientKey of the destination point to.',
    after: 'Sending resumes by itself.',
  },
  'destination.unreachable': {
    severity: 'warning',
    title: 'The destination cannot be reached',
    fix: 'Check the network and the endpoint.',
    after: 'Sending resumes by itself.',
  },
  'destination.untrusted-certificate': {
    severity: 'warning',
    title: "The destination's certificate is not trusted",
    fix: 'Check the endpoint and the clock of this machine, and ask IT for the certificate authority to trust (caFile names its file).',
  },
  'destination.quarantined': {
    severity: 'warning',
    title: 'The destination called some requests malformed',
    fix: 'Look at them with `span-relay quarantine list`, then retry, export or discard them.',
  },
  'destination.partially-rejected': {
    severity: 'warning',
    title: 'The destination took requests but rejected some of their points',
    fix: "Read the destination's message and correct what it names.",
    after: 'Rejected points are not sent again.',
  },
  'destination.vendor-warning': {
    severity: 'info',
    title: 'The destination took the data and sent a warning along',
    fix: 'Do what the warning asks for.',
    after: 'Nothing was rejected.',
  },
  'destination.removed-with-backlog': {
    severity: 'warning',
    title: 'A destination was removed while data was still owed to it',
    fix: 'Put it back under the same name to deliver its backlog, or let retention remove it.',
  },
  'destination.rename-not-carried-out': {
    severity: 'warning',
    title: 'A destination was renamed to a name that has books of its own',
    fix: 'Give it a name that was not used before and leave its "formerly" as it is, or take "formerly" out.',
    after: 'Until then both names keep the books and the backlog that they have.',
  },
  'destination.signal-removed-with-backlog': {
    severity: 'warning',
    title: 'A destination does not take a signal any more while some of it was still owed',
    fix: 'Put the signal back to deliver its backlog, or let retention remove it.',
  },
  'policy.invalid': {
    severity: 'warning',
    title: 'The policy file of this machine has a mistake',
    fix: 'Ask the administrator of this machine to correct the key that is named.',
    after: 'It is read again by itself; the rest of it is in force.',
  },
  'receiver.port-taken': {
    severity: 'error',
    title: 'Another program holds the port that Claude Code exports to',
    fix: 'Stop that program or give it another port.',
    after: 'The relay keeps trying and takes over by itself.',
  },
  'receiver.grpc-port-taken': {
    severity: 'warning',
    title: 'Another program holds the port for exports by gRPC',
    fix: 'Stop that program or give it another port, unless nothing here exports by gRPC.',
    after: 'The relay keeps trying and takes over by itself.',
  },
  'receiver.requests-refused': {
    severity: 'warning',
    title: 'Some requests to the relay were refused',
    fix: 'Correct the sender: what was wrong with the last request is in the detail.',
  },
  'receiver.signal-unwanted': {
    severity: 'info',
    title: 'Claude Code exports a signal that no destination takes',
    fix: 'Switch that exporter off in the managed settings, or add the signal to a destination.',
  },
  'relay.attribute-placeholder': {
    severity: 'warning',
    title: 'An attribute in the config file holds a placeholder',
    fix: 'Let device management fill it in, or take the value from a template.',
  },
  'relay.attribute-unresolved': {
    severity: 'warning',
    title: 'A template in the config file has no value on this machine',
    fix: 'Set what the template stands for, or write another value.',
    after: 'It is read again every minute.',
  },
  'relay.config-invalid': {
    severity: 'warning',
    title: 'The config file has a mistake',
    fix: 'Correct the key that is named.',
    after: 'It is read again by itself; the rest of the file is in force.',
  },
  'spool.corrupted': {
    severity: 'warning',
    title: 'The spool file was damaged and has been repaired',
    fix: 'Check the disk.',
    after: 'There is nothing to do for the relay: what was readable is kept.',
  },
  'spool.disk-full': {
    severity: 'error',
    title: 'The disk is full, so telemetry cannot be stored',
    fix: 'Free some space on this disk.',
    after: 'The relay resumes by itself.',
  },
  'spool.quota-reached': {
    severity: 'warning',
    title: 'The oldest data was removed to make room',
    fix: 'Get the destination working again, or raise spool.maxBytes in the config file.',
  },
  'spool.retention-reached': {
    severity: 'warning',
    title: 'Data grew too old to be kept and was removed',
    fix: 'Get the destination working again, or raise spool.maxAgeDays in the config file.',
  },
  'spool.unavailable': {
    severity: 'error',
    title: 'The spool cannot be opened, so telemetry cannot be stored',
    fix: 'Check that the state folder exists and is writable.',
    after: 'The relay keeps trying.',
  },
} as const satisfies Record<string, FindingKind>;

export type FindingId = keyof typeof findingCatalogue;

export type FindingWords = Partial<FindingKind>;

/** A finding from the catalogue, with what was seen here. `words` says a part of it more exactly. */
export function finding(
  id: FindingId,
  seen: { readonly detail: string; readonly source: string },
  words: FindingWords = {},
): Finding {
  const { severity, title, fix, after } = wordsOf(id, words);
  return { id, severity, title, fix: after === undefined ? fix : `${fix} ${after}`, ...seen };
}

/** What the catalogue says of a finding, with what `words` says more exactly. */
export function wordsOf(id: FindingId, words: FindingWords = {}): FindingKind {
  return { ...findingCatalogue[id], ...words };
}

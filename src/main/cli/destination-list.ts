import type { DestinationState, HealthSnapshot } from '../../shared/health.ts';
import { countOf } from '../../shared/wording.ts';
import { controlClient } from '../core/control/client.ts';
import { presentedScope } from '../core/delivery/presented-scope.ts';
import type { HeldDestination } from '../core/policy/config.ts';
import type { ConfigView } from '../core/policy/config-editor.ts';
import type { ConfiguredDestination } from '../core/policy/to-destination.ts';
import { commonOptions, jsonOption, parseArguments, pathsFrom, policyOption, takesNoArguments } from './arguments.ts';
import { exitCodes } from './cli-error.ts';
import type { DestinationAction } from './destination.ts';
import { isSameName, view } from './destination-edit.ts';
import { addressWords, credentialWords, publicAddresses } from './destination-words.ts';
import type { Io, Style } from './io.ts';
import { wrap } from './wrap.ts';

/** Shape as well as colour tells the state. */
const marks: Readonly<Record<DestinationState, { readonly mark: string; readonly style: Style }>> = {
  ok: { mark: '✓', style: 'green' },
  retrying: { mark: '▲', style: 'yellow' },
  blocked: { mark: '✗', style: 'red' },
  unconfigured: { mark: '·', style: 'dim' },
};

export const list: DestinationAction = async (args, io) => {
  const { values, positionals } = parseArguments('destination', args, {
    ...commonOptions,
    ...policyOption,
    ...jsonOption,
  });
  takesNoArguments('destination', positionals);
  const paths = pathsFrom(values, io);
  const config = await view(paths);
  const client = controlClient(paths.stateDir, io.clock);
  const reply = await client.call('status', {});
  client.close();
  const status = reply.kind === 'ok' ? reply.value : undefined;
  io.out(values.json ? `${JSON.stringify(asJson(config, paths, status))}\n` : asText(config, status, io));
  return exitCodes.ok;
};

function asJson(
  { file, exists, now, managed, own }: ConfigView,
  { policy }: ReturnType<typeof pathsFrom>,
  status: HealthSnapshot | undefined,
): object {
  const from = (name: string) => {
    const isManaged = managed.some((one) => isSameName(one, name));
    const isOwn = own.some((one) => one !== undefined && isSameName(one, name));
    return [...(isManaged ? ['policy'] : []), ...(isOwn ? ['config'] : [])];
  };
  return {
    version: 1,
    configFile: exists ? file : null,
    policyFile: managed.length > 0 ? policy.file : null,
    running: status !== undefined,
    destinations: [
      ...now.config.destinations.map((one) => ({
        name: one.name,
        formerly: one.formerly ?? null,
        from: from(one.name),
        preset: one.preset ?? null,
        addresses: Object.fromEntries(publicAddresses(one).map(({ signal, url }) => [signal, url])),
        protocol: one.protocol,
        compression: one.compression,
        signals: one.signals,
        headers: Object.keys(one.headers),
        credential: one.credential
          ? {
              header: one.credential.header,
              sources: one.credential.tokens.map(({ source }) => source),
              tokenFile: one.credential.tokenFile ?? null,
              presented: presentedScope(one, now.config.destinations).isMeant,
            }
          : null,
        state: standing(one.name, status)?.state ?? null,
        mistake: null,
      })),
      ...now.held.map(({ name, formerly, signals: held, mistake, by }) => ({
        name,
        formerly: formerly ?? null,
        from: from(name),
        signals: held,
        state: standing(name, status)?.state ?? null,
        mistake: `${by === 'policy' ? policy.file : file}: ${mistake}`,
      })),
    ],
    problems: [...now.problems.policy, ...now.problems.config].map(({ message }) => message),
  };
}

function asText({ file, now, managed }: ConfigView, status: HealthSnapshot | undefined, io: Io): string {
  const { destinations } = now.config;
  const columns = io.columns();
  const isManaged = (name: string) => managed.some((one) => isSameName(one, name));
  const known = [...destinations, ...now.held].map(({ name }) => name);
  const removed = (status?.destinations ?? []).filter(
    ({ name, pending }) => pending.points > 0 && !known.some((one) => isSameName(one, name)),
  );
  const paragraphs = [
    ...destinations.map((one) => paragraph(one, { all: destinations, status, isManaged: isManaged(one.name), io })),
    ...now.held.map((one) => heldParagraph(one, io)),
    ...removed.map(({ name, pending }) =>
      wrap(`${name}: removed; ${countOf(pending.points, 'point')} still owed to it`, columns),
    ),
  ];
  const problems = [...now.problems.policy, ...now.problems.config]
    .filter(({ message }) => !now.held.some(({ mistake }) => message.startsWith(mistake)))
    .map(({ message }) => wrap(message, columns, '▲ '));
  const ending = [
    ...problems,
    ...(status === undefined ? ['The relay does not run.'] : []),
    ...(paragraphs.length === 0
      ? [
          wrap(`No destination is configured in ${file}.`, columns),
          'Add one with `span-relay destination add span --preset span --token -`.',
        ]
      : []),
  ];
  return `${[...paragraphs, ...(ending.length === 0 ? [] : [ending.join('\n')])].join('\n\n')}\n`;
}

interface ParagraphContext {
  readonly all: readonly ConfiguredDestination[];
  readonly status: HealthSnapshot | undefined;
  readonly isManaged: boolean;
  readonly io: Io;
}

function paragraph(destination: ConfiguredDestination, { all, status, isManaged, io }: ParagraphContext): string {
  const { name, formerly } = destination;
  const state = standing(name, status)?.state;
  const columns = io.columns();
  const aside = [
    ...(isManaged ? ['from the policy'] : []),
    ...(formerly === undefined ? [] : [`formerly ${formerly}`]),
  ].join(', ');
  const shown = state === undefined ? '' : `${io.style(marks[state].style, marks[state].mark)} `;
  return [
    `${shown}${io.style('bold', name)}${state === undefined ? '' : `: ${state}`}${aside === '' ? '' : ` (${aside})`}`,
    wrap(addressWords(destination), columns, '  '),
    wrap(credentialWords(destination, all), columns, '  '),
  ].join('\n');
}

function heldParagraph({ name, mistake }: HeldDestination, io: Io): string {
  const { mark, style } = marks.blocked;
  const head = `${io.style(style, mark)} ${io.style('bold', name)}: its data is held until a mistake is corrected`;
  return `${head}\n${wrap(mistake, io.columns(), '  ')}`;
}

function standing(name: string, status: HealthSnapshot | undefined) {
  return status?.destinations.find((one) => one.name === name);
}

import Type, { type Static } from 'typebox'
import { choice, dataKey, duration, isDuration, keyedBy, objectName, rules, text } from './schema.ts'

/** Port that an agent listens on when its template names none. */
export const DEFAULT_PORT = 8080

/** Path on which an agent says that it takes tasks when its template names none. */
export const DEFAULT_HEALTH_PATH = '/health'

const keyRef = (kind: string) =>
  Type.Object(
    {
      name: objectName(`Name of the ${kind}, in the namespace of the Swarm.`),
      key: dataKey({ description: `Key in the ${kind}.` }),
    },
    { description: `One key of a ${kind}.` },
  )

const ONE_SOURCE = '(has(self.secretKeyRef) ? 1 : 0) + (has(self.configMapKeyRef) ? 1 : 0) == 1'

/** No program can be given a NUL character, in an argument or in a variable. */
const NO_NUL = '^[^\\x00]*$'

/** Characters of a variable: Linux takes at most 128 KiB in one, and a character may need four bytes. */
const MAX_VALUE = 32_000

const EnvVar = Type.Object(
  {
    name: text({
      form: '^[A-Za-z_][A-Za-z0-9_]*$',
      message: 'must be the name of a variable: letters, digits and _, no digit first, such as LOG_LEVEL',
      maxLength: 128,
      description: 'Name of the variable.',
    }),
    value: Type.Optional(
      Type.String({ maxLength: MAX_VALUE, pattern: NO_NUL, description: 'Its value, as written. Empty when left out.' }),
    ),
    valueFrom: Type.Optional(
      Type.Object(
        { secretKeyRef: Type.Optional(keyRef('Secret')), configMapKeyRef: Type.Optional(keyRef('ConfigMap')) },
        {
          description: 'Where its value is read when an agent starts.',
          ...rules({ rule: ONE_SOURCE, message: 'write exactly one of secretKeyRef and configMapKeyRef' }),
        },
      ),
    ),
  },
  {
    description: 'One environment variable of the command.',
    ...rules(
      {
        rule: '!(has(self.value) && has(self.valueFrom))',
        message: 'a variable has either value or valueFrom; remove one of them',
        fieldPath: '.valueFrom',
      },
      {
        rule: "!self.name.startsWith('SWARM_') && self.name != 'PORT'",
        message: 'PORT and names that begin with SWARM_ are set by the operator; choose another name (the port is template.port)',
        fieldPath: '.name',
      },
    ),
  },
)

const File = Type.Object(
  {
    path: Type.String({
      maxLength: 255,
      description: 'Where the file is written: relative to the home directory of the sandbox user, or absolute.',
      ...rules({
        rule: "!self.matches('^$|//|/$|(^|/)[.]{1,2}(/|$)|^~|[[:cntrl:]]')",
        message:
          "must name a file from the home directory, such as lib/agent.mjs, or from the root, such as /etc/agent.json, without '~', '.', '..' or '//'",
      }),
    }),
    configMapKeyRef: Type.Optional(keyRef('ConfigMap')),
    secretKeyRef: Type.Optional(keyRef('Secret')),
  },
  {
    description: 'One file that is written before the command starts.',
    ...rules({ rule: ONE_SOURCE, message: 'write exactly one of configMapKeyRef and secretKeyRef' }),
  },
)

const FILES = {
  ...keyedBy('path'),
  ...rules({
    rule: "self.all(a, !self.exists(b, b.path.startsWith(a.path + '/')))",
    message: 'no path may be the directory of another; write one of the two elsewhere',
  }),
}

const READINESS = {
  path: text({
    form: '^/[!-~]*$',
    message: 'must begin with / and have no spaces, such as /health; write other characters in percent-encoding',
    maxLength: 512,
    description: 'Path that answers 2xx when the agent takes tasks.',
    default: DEFAULT_HEALTH_PATH,
  }),
  interval: duration({
    default: '250ms',
    min: '10ms',
    max: '1m',
    description: 'Time between two checks until the agent is ready. Afterwards the checks slow down by themselves.',
  }),
  timeout: duration({ default: '250ms', min: '10ms', max: '1m', description: 'Time after which one check has failed.' }),
  failureThreshold: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 3,
    description: 'Failed checks in a row before a ready agent counts as not ready.',
  }),
  replaceAfter: duration({
    default: '30s',
    min: '1s',
    max: '24h',
    description: 'How long an agent that has been ready may fail its checks before it is replaced.',
  }),
}

const Readiness = Type.Object(READINESS, {
  default: {},
  description: 'How it is found out whether an agent takes tasks.',
  ...rules({
    rule: `!(${isDuration('self.interval')} && ${isDuration('self.timeout')}) || duration(self.interval) >= duration(self.timeout)`,
    message: 'interval must not be shorter than timeout, or checks would overlap; raise interval or lower timeout',
    fieldPath: '.interval',
  }),
})

const NETWORK = {
  allowInternetAccess: Type.Boolean({ default: true, description: 'Whether agents may open connections to the internet.' }),
  allowPublicTraffic: Type.Boolean({
    default: false,
    description:
      'Whether the port of an agent answers without an access token. The router has the tokens; leave this off unless others call agents directly.',
  }),
}

/** The program in every sandbox through which E2B writes files and starts commands has a port, too. */
const port = (options: { default?: number; description: string }) =>
  Type.Integer({
    minimum: 1,
    maximum: 65535,
    ...options,
    ...rules({ rule: 'self != 49983', message: 'must not be 49983, where the sandbox itself listens; choose another one, such as 8080' }),
  })

/**
 * Characters of a command in all. It is one argument of a shell in the sandbox, and Linux takes at most 128 KiB in one; a
 * character may need four bytes.
 */
const MAX_COMMAND = 30_000

const FIELDS = {
  sandboxTemplate: text({
    form: '^[A-Za-z0-9][-A-Za-z0-9_.:/]*$',
    message: 'must be the id or the alias of an E2B template, such as base or my-team/agent:v2',
    maxLength: 128,
    description: 'Id or alias of the E2B template that sandboxes are made from.',
  }),
  command: Type.Array(Type.String({ maxLength: 4096, pattern: NO_NUL }), {
    minItems: 1,
    maxItems: 64,
    description: 'Program and arguments of the agent. It is run directly, not by a shell.',
    ...rules(
      {
        rule: "self.size() == 0 || (self[0].matches('[^ ]') && (self.size() > 1 || !self[0].contains(' ')))",
        message:
          'must be the program and its arguments, each an entry of its own, such as [node, agent.mjs]; there is no shell to split a line',
      },
      {
        rule: `self.map(word, word.size()).sum() <= ${MAX_COMMAND}`,
        message: `must have at most ${MAX_COMMAND} characters together; put long texts into files`,
      },
    ),
  }),
  port: port({ default: DEFAULT_PORT, description: 'Port the agent listens on; the command gets it as PORT.' }),
  env: Type.Array(EnvVar, { ...keyedBy('name'), maxItems: 100, default: [], description: 'Environment variables of the command.' }),
  files: Type.Array(File, { ...FILES, maxItems: 64, default: [], description: 'Files that are written before the command starts.' }),
  maxConcurrentTasks: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 4,
    description: 'Tasks that one router gives one agent at the same time.',
  }),
  configUpdates: choice(['Ignore', 'Rollout'], {
    default: 'Ignore',
    description:
      'What a changed ConfigMap or Secret that env or files refer to does: Ignore (agents started later read the new contents) or Rollout (a new revision, all agents are renewed).',
  }),
}

/** What an agent is made of. */
export const Template = Type.Object(
  { ...FIELDS, readiness: Readiness, network: Type.Object(NETWORK, { default: {}, description: 'Network access of the sandboxes.' }) },
  { description: 'What an agent is made of. A change here is a new revision: agents are replaced by the rules of spec.update.' },
)
export type Template = Static<typeof Template>

/** The parts of the template that a group replaces: given fields win; `env` and `files` are merged by name and path. */
export const TemplateOverride = Type.Object(
  {
    sandboxTemplate: Type.Optional(FIELDS.sandboxTemplate),
    command: Type.Optional(FIELDS.command),
    port: Type.Optional(port({ description: 'Port the agents of this group listen on.' })),
    env: Type.Optional(
      Type.Array(EnvVar, { ...keyedBy('name'), maxItems: 100, description: 'Variables added to, or replacing, those of the template.' }),
    ),
    files: Type.Optional(Type.Array(File, { ...FILES, maxItems: 32, description: 'Files added to, or replacing, those of the template.' })),
    maxConcurrentTasks: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Tasks that one router gives one agent of this group at the same time.' }),
    ),
  },
  { description: 'What the agents of this group have different from spec.template. A change here is a new revision.' },
)
export type TemplateOverride = Static<typeof TemplateOverride>
type EnvVar = Static<typeof EnvVar>

/** The template that agents of a group are made from. */
export function templateOf(template: Template, override: TemplateOverride | undefined): Template {
  if (!override) return template
  const { env = [], files = [], ...replaced } = override
  return {
    ...template,
    ...replaced,
    env: [...template.env.filter((old) => !env.some((e) => e.name === old.name)), ...env],
    files: [...template.files.filter((old) => !files.some((f) => f.path === old.path)), ...files],
  }
}

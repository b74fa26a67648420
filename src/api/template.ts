import Type, { type Static } from 'typebox'
import { choice, duration, keyedBy, objectName, rules } from './schema.ts'

const keyRef = (kind: string) =>
  Type.Object(
    {
      name: objectName(`Name of the ${kind}, in the namespace of the Swarm.`),
      key: Type.String({ minLength: 1, maxLength: 253, pattern: '^[-._a-zA-Z0-9]+$', description: `Key in the ${kind}.` }),
    },
    { description: `One key of a ${kind}.` },
  )

const ONE_SOURCE = '(has(self.secretKeyRef) ? 1 : 0) + (has(self.configMapKeyRef) ? 1 : 0) == 1'

const EnvVar = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z_][A-Za-z0-9_]*$', description: 'Name of the variable.' }),
    value: Type.Optional(Type.String({ maxLength: 32768, description: 'Its value, as written.' })),
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
      { rule: '!(has(self.value) && has(self.valueFrom))', message: 'a variable has either value or valueFrom; remove one of them' },
      {
        rule: "!self.name.startsWith('SWARM_') && self.name != 'PORT'",
        message: 'PORT and names that begin with SWARM_ are set by the operator; choose another name (the port is template.port)',
      },
    ),
  },
)

const File = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Where the file is written: relative to the home directory of the sandbox user, or absolute.',
    }),
    configMapKeyRef: Type.Optional(keyRef('ConfigMap')),
    secretKeyRef: Type.Optional(keyRef('Secret')),
  },
  {
    description: 'One file that is written before the command starts.',
    ...rules(
      { rule: ONE_SOURCE, message: 'write exactly one of configMapKeyRef and secretKeyRef' },
      {
        rule: "!self.path.matches('(^|/)[.][.](/|$)') && !self.path.endsWith('/')",
        message: "path must name a file and must not contain '..'; write it from the home directory, such as lib/agent.mjs",
      },
    ),
  },
)

const READINESS = {
  path: Type.String({
    maxLength: 512,
    pattern: '^/',
    description: 'Path that answers 2xx when the agent takes tasks.',
    default: '/health',
  }),
  interval: duration({
    default: '250ms',
    description: 'Time between two checks until the agent is ready. Afterwards the checks slow down by themselves.',
  }),
  timeout: duration({ default: '250ms', description: 'Time after which one check has failed.' }),
  failureThreshold: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 3,
    description: 'Failed checks in a row before a ready agent counts as not ready.',
  }),
  replaceAfter: duration({
    default: '30s',
    description: 'How long an agent that has been ready may fail its checks before it is replaced.',
  }),
}

const Readiness = Type.Object(READINESS, {
  default: {},
  description: 'How it is found out whether an agent takes tasks.',
  ...rules(
    {
      rule: 'duration(self.interval) >= duration(self.timeout)',
      message: 'interval must not be shorter than timeout, or checks would overlap; raise interval or lower timeout',
      fieldPath: '.interval',
    },
    {
      rule: "duration(self.timeout) >= duration('10ms')",
      message: 'timeout must be at least 10ms; write for instance 250ms',
      fieldPath: '.timeout',
    },
  ),
})

const NETWORK = {
  allowInternetAccess: Type.Boolean({ default: true, description: 'Whether agents may open connections to the internet.' }),
  allowPublicTraffic: Type.Boolean({
    default: false,
    description:
      'Whether the port of an agent answers without an access token. The router has the tokens; leave this off unless others call agents directly.',
  }),
}

const FIELDS = {
  sandboxTemplate: Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'Id or alias of the E2B template that sandboxes are made from.',
  }),
  command: Type.Array(Type.String({ maxLength: 4096 }), {
    minItems: 1,
    maxItems: 64,
    description: 'Program and arguments of the agent. It is run directly, not by a shell.',
  }),
  port: Type.Integer({ minimum: 1, maximum: 65535, default: 8080, description: 'Port the agent listens on; the command gets it as PORT.' }),
  env: Type.Array(EnvVar, { ...keyedBy('name'), maxItems: 100, default: [], description: 'Environment variables of the command.' }),
  files: Type.Array(File, {
    ...keyedBy('path'),
    maxItems: 64,
    default: [],
    description: 'Files that are written before the command starts.',
  }),
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
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port the agents of this group listen on.' })),
    env: Type.Optional(
      Type.Array(EnvVar, { ...keyedBy('name'), maxItems: 100, description: 'Variables added to, or replacing, those of the template.' }),
    ),
    files: Type.Optional(
      Type.Array(File, { ...keyedBy('path'), maxItems: 64, description: 'Files added to, or replacing, those of the template.' }),
    ),
    maxConcurrentTasks: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'Tasks that one router gives one agent of this group at the same time.' }),
    ),
  },
  { description: 'What the agents of this group have different from spec.template. A change here is a new revision.' },
)
export type TemplateOverride = Static<typeof TemplateOverride>
export type EnvVar = Static<typeof EnvVar>
export type TemplateFile = Static<typeof File>

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

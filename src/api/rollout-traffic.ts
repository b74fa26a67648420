import Type, { type Static } from 'typebox'
import { rules, text } from './schema.ts'

/** Headers of requests that mean something to the router or to what carries them, or that hold secrets. Those with swarm- are all taken. */
const TAKEN = [
  'accept',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'idempotency-key',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'traceparent',
  'tracestate',
  'upgrade',
]

const HEADER = {
  header: text({
    form: '^[A-Za-z][-A-Za-z0-9]*$',
    message: 'must be the name of a header: letters, digits and -, such as X-Tester',
    maxLength: 64,
    description: 'Name of the header, in upper or lower case.',
  }),
  value: text({
    form: '^[!-~]+$',
    message: 'must have 1 to 256 printable ASCII characters without spaces',
    maxLength: 256,
    description: 'Its whole value. Whoever can send tasks can send it: it is no secret.',
  }),
}

/** Who gets the new revision before others do. */
export const Testers = Type.Object(HEADER, {
  description:
    'Tasks with this HTTP header go to the new revision, whatever its weight, while one is rolled out and has agents that are ready; otherwise as all others.',
  ...rules({
    rule: `!(self.header.lowerAscii() in [${TAKEN.map((name) => `'${name}'`).join(', ')}]) && !self.header.lowerAscii().startsWith('swarm-')`,
    message: 'has a meaning of its own in requests; choose another name, such as X-Tester',
    fieldPath: '.header',
  }),
})
export type Testers = Static<typeof Testers>

/** The same as the routers are told. */
export const SwarmTesters = Type.Object(
  { revision: Type.String({ maxLength: 63, description: 'Revision that these tasks go to.' }), ...HEADER },
  { description: 'Whose tasks go to the revision that is being rolled out, whatever its weight.' },
)
export type SwarmTesters = Static<typeof SwarmTesters>

const Percent = Type.Integer({
  minimum: 0,
  maximum: 100,
  description: 'Percent of the tasks that the stable revision has answered which the new revision does, too.',
})

/** A step after which tasks of stable are done a second time. */
export const SetMirror = Type.Object(
  { percent: Percent },
  {
    description:
      'Sends a share of the tasks that the stable revision has answered a second time to the new one, with the header Swarm-Mirror: true. Its answers are compared and dropped; its failures count. Only tasks that one agent does alone: in swarms without topology or with a Mesh, and not with Consensus. Until the next setMirror or the last step; 0 ends it.',
  },
)

/** The same as the routers are told. */
export const SwarmMirror = Type.Object(
  {
    run: Type.String({ maxLength: 32, description: 'Names the rollout: counts begin anew with each.' }),
    revision: Type.String({ maxLength: 63, description: 'Revision that does tasks a second time.' }),
    percent: Percent,
  },
  { description: 'Tasks that are done a second time by the revision that is being rolled out.' },
)
export type SwarmMirror = Static<typeof SwarmMirror>

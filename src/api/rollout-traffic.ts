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

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { outcomeOf502 } from './probe.ts'

const cases: Record<string, { body: string; want: string }> = {
  'the proxy found the port closed': { body: '{"sandboxId":"i1","message":"…","port":8080,"code":502}', want: 'not-listening' },
  'the proxy knows no such sandbox': { body: '{"sandboxId":"i1","message":"…","code":502}', want: 'sandbox-gone' },
  'the agent talks of another sandbox': { body: '{"sandboxId":"i2","port":1}', want: 'unhealthy' },
  'the agent answers 502 with JSON of its own': { body: '{"error":"upstream"}', want: 'unhealthy' },
  'the agent answers 502 with null': { body: 'null', want: 'unhealthy' },
  'the agent answers 502 with text': { body: 'Bad Gateway', want: 'unhealthy' },
}
describe('outcomeOf502', () => {
  for (const [name, { body, want }] of Object.entries(cases)) it(name, () => expect(outcomeOf502(body, 'i1')).to.equal(want))
})

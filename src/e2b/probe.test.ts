import { expect } from 'chai'
import { describe, it } from 'mocha'
import { outcomeOf502, Probes } from './probe.ts'

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

describe('a check', () => {
  const target = { sandboxId: 'i1', port: 8080, path: '/health' }
  const probes = new Probes({ sandboxUrl: 'http://127.0.0.1:1' }) // nothing listens there

  it('that reaches nobody is no answer', async () => expect(await probes.probe(target, 10_000)).to.equal('no-answer'))

  it('of a path that is none shows an agent that is not healthy', async () =>
    expect(await probes.probe({ ...target, path: 'none' }, 10_000)).to.equal('unhealthy'))

  it('that fails by a mistake of this program says so, and is not taken for the silence of an agent', async () => {
    const mistake = new TypeError('it has no path')
    const broken = {
      ...target,
      get path(): string {
        throw mistake
      },
    }
    const outcome = await probes.probe(broken, 10_000).catch((error: unknown) => error)
    expect(outcome).to.equal(mistake)
  })
})

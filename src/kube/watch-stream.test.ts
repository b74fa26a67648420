import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { watchEvents, WatchBroken } from './watch-stream.ts'

async function* chunks(parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(typeof part === 'string' ? Buffer.from(part) : part)
}

async function read(parts: readonly (string | Uint8Array)[], maxLineBytes?: number): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const some of watchEvents(chunks(parts), 'watch pods', maxLineBytes)) events.push(...some)
  return events
}

const event = (name: string) => ({ type: 'ADDED', object: { metadata: { name } } })

describe('watch stream', () => {
  it('reads the same events however the bytes are cut, also within a character', async () => {
    const events = [event('a'), event('ä€𝄞'), event('c'.repeat(50))]
    const bytes = Buffer.from(events.map((e) => `${JSON.stringify(e)}\n`).join(''))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const parts = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge))
        expect(await read(parts)).to.deep.equal(events)
      }),
    )
  })

  it('leaves out a last line that was cut off', async () => {
    expect(await read([`${JSON.stringify(event('a'))}\n{"type":"ADD`])).to.deep.equal([event('a')])
  })

  const broken: Record<string, { parts: string[]; max?: number; message: RegExp }> = {
    'a line that is not JSON': { parts: ['{"type":\n'], message: /not JSON/ },
    'a line that is no event': { parts: ['{"kind":"Pod"}\n'], message: /not an event/ },
    'an event of an unknown type': { parts: ['{"type":"NEWS","object":{}}\n'], message: /not an event/ },
    'a line without an end': { parts: ['x'.repeat(60), 'x'.repeat(60)], max: 100, message: /longer than 100/ },
  }
  for (const [name, { parts, max, message }] of Object.entries(broken))
    it(`refuses ${name}`, async () => {
      const error: unknown = await read(parts, max).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(WatchBroken)
      expect(String(error))
        .to.match(/answer to watch pods/)
        .and.to.match(message)
    })
})

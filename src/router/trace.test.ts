import { describe, it } from 'mocha'
import { expect } from 'chai'
import { traceOf, traceparentOf } from './trace.ts'

describe('the trace of a task', () => {
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'

  it('continues that of the client, with spans of its own', () => {
    const trace = traceOf(parent)
    expect(trace).to.deep.equal({ traceId: '0af7651916cd43dd8448eb211c80319c', flags: '00' })
    expect(traceparentOf(trace)).to.match(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/)
    expect(traceparentOf(trace)).to.not.equal(traceparentOf(trace))
  })

  for (const wrong of [undefined, '', 'x', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, parent.toUpperCase()]) {
    it(`starts another one after ${wrong}`, () => expect(traceparentOf(traceOf(wrong))).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/))
  }
})

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Gate } from './gate.ts'

describe('a gate', () => {
  it('lets through unless there is a fault', async () => {
    const gate = new Gate()
    expect([gate.isClear, await gate.pass()]).to.deep.equal([true, true])
  })

  it('keeps waiting while it is shut, and lets go when it opens', async () => {
    const gate = new Gate()
    gate.shut()
    const passing = [gate.pass(), gate.pass()]
    expect([gate.isClear, gate.isShut]).to.deep.equal([false, true])
    gate.open()
    expect(await Promise.all(passing)).to.deep.equal([true, true])
  })

  it('turns away who waits, and who comes later, when the sandbox ends', async () => {
    const gate = new Gate()
    gate.shut()
    const passing = gate.pass()
    gate.close()
    expect([await passing, await gate.pass()]).to.deep.equal([false, false])
  })

  it('ends a delay early when it opens or the sandbox ends', async () => {
    const [opened, closed] = [new Gate(), new Gate()]
    for (const gate of [opened, closed]) gate.delayMs = 600_000
    const passing = [opened.pass(), closed.pass()]
    opened.open()
    closed.close()
    expect(await Promise.all(passing)).to.deep.equal([true, false])
  })
})

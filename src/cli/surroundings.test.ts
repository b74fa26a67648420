import { describe, it } from 'mocha'
import { expect } from 'chai'
import { lookOf } from './surroundings.ts'
import { inColour, plain } from './table.ts'

describe('what the plugin prints', () => {
  const paintOf = (isTerminal: boolean, env: Readonly<Record<string, string>> = {}) => lookOf({ isTerminal, env, now: () => 0 }).paint

  it('has colours on a terminal', () => expect(paintOf(true)).to.equal(inColour))
  it('has none in a file or a pipe', () => expect(paintOf(false)).to.equal(plain))
  it('has none for people who do not want any', () => expect(paintOf(true, { NO_COLOR: '1' })).to.equal(plain))
})

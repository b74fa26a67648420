import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Lines } from './lines.ts'

const bytes = (text: string) => Buffer.from(text)

describe('lines from chunks', () => {
  it('come out when they are complete, however they were cut', () => {
    const lines = new Lines(100)
    expect(['a', 'b\nc', '\n', '\nd\ne\n'].flatMap((chunk) => lines.push(bytes(chunk)))).to.deep.equal(['ab', 'c', 'd', 'e'])
  })

  it('keep a character that was cut in two', () => {
    const lines = new Lines(100)
    const text = bytes('ä\n')
    expect([lines.push(text.subarray(0, 1)), lines.push(text.subarray(1))]).to.deep.equal([[], ['ä']])
  })

  it('must not grow beyond the limit, finished or not', () => {
    expect(() => new Lines(3).push(bytes('abcd'))).to.throw(RangeError)
    expect(() => new Lines(3).push(bytes('abcd\n'))).to.throw(RangeError)
  })
})

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Cleaner, cleaned } from './clean.ts'

const E = '\u001b'

describe('text of agents on a terminal', () => {
  const cases: Record<string, { text: string; want: string }> = {
    'is shown as it is': { text: 'one\n\ttwo ✓ 🚀\n', want: 'one\n\ttwo ✓ 🚀\n' },
    'keeps its colours': {
      text: `${E}[1;31mred${E}[0m and ${E}[38:2::1:2:3mmore${E}[m\n`,
      want: `${E}[1;31mred${E}[0m and ${E}[38:2::1:2:3mmore${E}[m\n`,
    },
    'has colours in its own lines only': { text: `${E}[8mhidden\nnext`, want: `${E}[8mhidden${E}[0m\nnext` },
    'does not move the cursor': { text: `a${E}[2K${E}[1A${E}[2Jb\u009b3Dc${E}7${E}(Bd`, want: 'abcd' },
    'asks the terminal nothing': { text: `${E}[>4;1m${E}[6n${E}[?25lx${E}c`, want: 'x' },
    'writes neither titles nor the clipboard': {
      text: `a${E}]52;c;ZXZpbA==\u0007b${E}]0;title${E}\\c\u009d52;c;eA==\u009cd${E}Pq${E}\\e`,
      want: 'abcde',
    },
    'goes on after a string that has no end': { text: `a${E}]52;c;eA==\nb`, want: 'a52;c;eA==\nb' },
    'forges no line of others': { text: 'mine\r[desk-2] forged\r\nnext\r\r\n', want: 'mine\n[desk-2] forged\nnext\n' },
    'does not ring, nor rub out': { text: 'a\u0007b\u0008c\u007fd\u0000e\u0085f', want: 'abcdef' },
  }
  for (const [name, { text, want }] of Object.entries(cases)) {
    it(name, () => expect(cleaned(text)).to.equal(want))
    it(`${name}, also when it comes in pieces`, () => {
      for (const size of [1, 2, 3]) {
        const cleaner = new Cleaner()
        const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_none, i) => text.slice(i * size, (i + 1) * size))
        expect(pieces.map((piece) => cleaner.add(piece)).join('') + cleaner.end()).to.equal(want)
      }
    })
  }

  it('is not held back for ever by a string without an end', () => {
    const cleaner = new Cleaner()
    expect(cleaner.add(`${E}]52;c;`)).to.equal('')
    expect(cleaner.add('x'.repeat(5_000))).to.equal(`52;c;${'x'.repeat(5_000)}`)
    expect(cleaner.add('y\n')).to.equal('y\n')
  })

  it('ends with its colours', () => expect(cleaned(`${E}[31mred`)).to.equal(`${E}[31mred${E}[0m`))
})

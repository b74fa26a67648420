import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Lines } from './logs.ts'

const cases: Record<string, { pieces: string[]; want: string[] }> = {
  'are whole however they come': { pieces: ['on', 'e\ntw', 'o\nthree'], want: ['[a] one\n', '[a] two\n', '[a] three\n'] },
  'are written together when they come together': { pieces: ['one\n\ntwo\n'], want: ['[a] one\n[a] \n[a] two\n'] },
  'are none when nothing comes': { pieces: [''], want: [] },
  'are cut where none ends': { pieces: ['x'.repeat(70_000), 'y\n'], want: [`[a] ${'x'.repeat(70_000)}\n`, '[a] y\n'] },
}
describe('lines with a prefix', () => {
  for (const [name, { pieces, want }] of Object.entries(cases))
    it(name, async () => {
      const written: string[] = []
      const lines = new Lines('[a] ', (text) => void written.push(text))
      for (const piece of pieces) await lines.add(piece)
      await lines.end()
      expect(written).to.deep.equal(want)
    })
})

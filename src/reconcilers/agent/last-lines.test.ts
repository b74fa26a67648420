import { expect } from 'chai'
import { describe, it } from 'mocha'
import { lastLines } from './last-lines.ts'

const cases: Record<string, { output: string; want: string }> = {
  'are all of a short output': { output: 'one\ntwo\n', want: 'one\ntwo' },
  'are whole lines of a long one': { output: `${'x'.repeat(500)}\n${'y'.repeat(400)}\nend\n`, want: `${'y'.repeat(400)}\nend` },
  'are the end of a line that is too long': { output: `${'x'.repeat(900)}end`, want: `${'x'.repeat(697)}end` },
  'steer no terminal': { output: '\u001b[31mred\u001b[0m\r\u0007 bell\tand tab', want: 'red bell\tand tab' },
  'are none of nothing': { output: '\n', want: '' },
}
describe('the last lines of an output', () => {
  for (const [name, { output, want }] of Object.entries(cases)) it(name, () => expect(lastLines(output)).to.equal(want))
})

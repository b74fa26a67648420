import { expect } from 'chai'
import { it } from 'mocha'
import { exitMessage } from './losses.ts'

const cases: Record<string, { code: number | undefined; want: string }> = {
  'says what a known exit code means': {
    code: 127,
    want: 'its command ended with exit code 127: the program was not found in the sandbox; an agent runs until it is ended',
  },
  'names any other code': { code: 3, want: 'its command ended with exit code 3; an agent runs until it is ended' },
  'says that nobody knows the code': { code: undefined, want: 'its command ended with exit code unknown; an agent runs until it is ended' },
}
for (const [name, { code, want }] of Object.entries(cases)) it(name, () => expect(exitMessage(code)).to.equal(want))

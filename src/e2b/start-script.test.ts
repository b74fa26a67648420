import { expect } from 'chai'
import { describe, it } from 'mocha'
import { exitFrom, quote, startCommand } from './start-script.ts'

const words: Record<string, string> = {
  '': `''`,
  plain: `'plain'`,
  'two words': `'two words'`,
  "it's": `'it'\\''s'`,
  '$(rm -rf /) `id` $HOME': `'$(rm -rf /) \`id\` $HOME'`,
  'line\nbreak': `'line\nbreak'`,
}
describe('quote', () => {
  for (const [word, want] of Object.entries(words))
    it(`makes one word of ${JSON.stringify(word)}`, () => expect(quote(word)).to.equal(want))
})

describe('startCommand', () => {
  it('ends in the sandbox id and the quoted words of the command', () => {
    expect(startCommand('ix', ['node', "a b's.mjs"]).endsWith(` swarm-agent 'ix' 'node' 'a b'\\''s.mjs'`)).to.equal(true)
  })
})

const outputs: Record<string, { stdout: string; want: object | undefined }> = {
  'sees a running command': { stdout: 'running\nlog', want: { exited: false } },
  'sees an exit code and the end of the log': { stdout: '3\nlast\nwords\n', want: { exited: true, code: 3, logTail: 'last\nwords\n' } },
  'sees a success without output': { stdout: '0\n', want: { exited: true, code: 0, logTail: '' } },
  'sees a command that is gone without a code': { stdout: 'gone\nlog', want: { exited: true, logTail: 'log' } },
  'does not take output that is cut short for an end': { stdout: '', want: undefined },
  'does not take the complaint of a shell for an end': { stdout: 'sh: not found\n', want: undefined },
}
describe('exitFrom', () => {
  for (const [name, { stdout, want }] of Object.entries(outputs)) it(name, () => expect(exitFrom(stdout)).to.deep.equal(want))
})

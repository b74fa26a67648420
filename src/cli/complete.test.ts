import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Readable } from 'node:stream'
import { runCli } from './commands.ts'
import type { Surroundings } from './surroundings.ts'

const unasked = (): never => {
  throw new Error('nobody asks for this')
}

/** What the plugin offers for the last word of a line, without a cluster. */
async function offered(words: readonly string[]): Promise<string[]> {
  let out = ''
  const around: Surroundings = {
    write: (text) => void (out += String(text)),
    writeError: unasked,
    readInput: unasked,
    input: Readable.from([]),
    isTerminal: false,
    terminal: undefined,
    env: {},
    user: () => 'somebody',
    connect: unasked,
    contexts: () => ['moon', 'mars', 'earth'],
    kubeToken: unasked,
    providers: unasked,
    interrupted: unasked,
    now: () => 0,
    version: '0.0.0',
  }
  expect(await runCli(['__complete', '--', ...words], around)).to.equal(0)
  const lines = out.trim().split('\n')
  expect(lines.pop()).to.equal(':4')
  return lines
}

const cases: Record<string, { words: string[]; want: string[] }> = {
  'a command': { words: ['pr'], want: ['promote'] },
  'a command after flags that all have': { words: ['--context', 'moon', 'st'], want: ['status'] },
  'no command that is hidden': { words: ['__'], want: [] },
  'flags of a command': { words: ['status', '--w'], want: ['--watch'] },
  'flags after an operand': { words: ['drain', 'desk-1', '--no'], want: ['--no-wait'] },
  'values of a flag': { words: ['top', '--sort', 'c'], want: ['cpu'] },
  'values of a short flag': { words: ['list', '-o', ''], want: ['json'] },
  contexts: { words: ['list', '--context', 'm'], want: ['mars', 'moon'] },
  'values of an argument': { words: ['completion', ''], want: ['bash', 'fish', 'zsh'] },
  'nothing where nothing more can stand': { words: ['status', 'desk', ''], want: [] },
  'nothing of a command in a sandbox': { words: ['exec', 'desk-1', '--', 'l'], want: [] },
  'nothing of a command that does not exist': { words: ['promte', ''], want: [] },
  'nothing when there is no cluster': { words: ['status', ''], want: [] },
}
describe('what completes a line', () => {
  for (const [name, { words, want }] of Object.entries(cases)) it(name, async () => expect(await offered(words)).to.deep.equal(want))
})

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { CliError } from './fleet.ts'
import { inputOf } from './submit.ts'

describe('the input of a task', () => {
  const cases: Record<string, [text: string, input: unknown]> = {
    'is JSON': ['{"a":[1]}', { a: [1] }],
    'is JSON with an end of line': ['[1]\n', [1]],
    'is JSON that is no object': ['"{"', '{'],
    'is a text else': ['hello {there}', 'hello {there}'],
    'is a text without an end of its quotes': ['"hello', '"hello'],
    'is an empty text': ['', ''],
  }
  for (const [name, [text, input]] of Object.entries(cases)) it(name, () => expect(inputOf(text)).to.deep.equal(input))

  for (const text of ['{"strategy":"momentum"', ' [1,', "{'a':1}"])
    it(`is refused when it is broken JSON: ${text}`, () =>
      expect(() => inputOf(text)).to.throw(CliError, /^INPUT begins as JSON does and is none: .+; if it is meant as a text, .+ jq -Rs \. /))
})

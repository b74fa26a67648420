import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Problem } from './problem.ts'
import { parseTask } from './task-request.ts'

const parse = (text: string) => parseTask(Buffer.from(text))

describe('a task as it is sent', () => {
  const plain = { capability: undefined, sessionKey: undefined, timeoutMs: undefined, isIdempotent: true, direction: undefined }
  const good = {
    'needs only an input': { text: '{"input":1}', want: { ...plain, input: 1 } },
    'may have null as its input': { text: '{"input":null}', want: { ...plain, input: null } },
    'may have everything': {
      text: '{"input":{"a":[1]},"capability":"pairs","sessionKey":"k","timeout":"1m30s","idempotent":false,"direction":"any"}',
      want: { input: { a: [1] }, capability: 'pairs', sessionKey: 'k', timeoutMs: 90_000, isIdempotent: false, direction: 'any' },
    },
    'may have brackets in its texts': { text: `{"input":"${'['.repeat(200)}\\"["}`, want: { ...plain, input: `${'['.repeat(200)}"[` } },
    'may nest as deep as allowed': { text: `{"input":${'['.repeat(99)}${']'.repeat(99)}}`, want: undefined },
  }
  for (const [name, c] of Object.entries(good)) {
    it(name, () => {
      const task = parse(c.text)
      if (c.want) expect(task).to.deep.equal(c.want)
    })
  }

  const bad = {
    'an empty body': { text: '', code: 'InvalidJson', says: /empty/ },
    'half an object': { text: '{"input":', code: 'InvalidJson', says: /not valid JSON/ },
    'a list': { text: '[]', code: 'InvalidTask', says: /must be a JSON object/ },
    'no input': { text: '{"capability":"x"}', code: 'InvalidTask', says: /input is missing/ },
    'a misspelt field': { text: '{"input":1,"capabilty":"x"}', code: 'InvalidTask', says: /"capabilty"; a task has input, capability/ },
    'an empty capability': { text: '{"input":1,"capability":""}', code: 'InvalidTask', says: /capability must be/ },
    'a session key that is too long': {
      text: JSON.stringify({ input: 1, sessionKey: 'k'.repeat(257) }),
      code: 'InvalidTask',
      says: /sessionKey must be/,
    },
    'a timeout in numbers': { text: '{"input":1,"timeout":30}', code: 'InvalidTask', says: /500ms/ },
    'a timeout of nothing': { text: '{"input":1,"timeout":"0s"}', code: 'InvalidTask', says: /1ms to 24h/ },
    'a word for idempotent': { text: '{"input":1,"idempotent":"no"}', code: 'InvalidTask', says: /true or false/ },
    'an odd direction': { text: '{"input":1,"direction":"back"}', code: 'InvalidTask', says: /forward, reverse, any/ },
    'nesting beyond the limit': { text: `{"input":${'['.repeat(100)}${']'.repeat(100)}}`, code: 'InvalidJson', says: /deeper than 100/ },
    'nesting that would break a recursive reader': { text: '['.repeat(500_000), code: 'InvalidJson', says: /deeper than 100/ },
  }
  for (const [name, c] of Object.entries(bad)) {
    it(`refuses ${name}`, () => {
      let problem: unknown
      try {
        parse(c.text)
      } catch (error) {
        problem = error
      }
      expect(problem).to.be.instanceOf(Problem)
      if (problem instanceof Problem) {
        expect([problem.code, problem.status]).to.deep.equal([c.code, 400])
        expect(problem.fields.detail).to.match(c.says)
      }
    })
  }
})

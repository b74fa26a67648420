import { describe, it } from 'mocha'
import { expect } from 'chai'
import { readAnswer, readProbe, refusalOf } from './answer.ts'
import type { Answer } from './upstream.ts'

const answer = (status: number, body: unknown, retryAfter?: string): Answer => ({
  kind: 'answer',
  status,
  retryAfter,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
})
const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const deep = (depth: number) => `{"output": ${lists(depth)}}`
const failure = (code: string, wasSent: boolean): Answer => ({ kind: 'failure', wasSent, error: Object.assign(new Error('x'), { code }) })
const CLOSED = { sandboxId: 'i1', port: 8080, code: 502, message: 'The sandbox is running but port is not open' }
const GONE = { sandboxId: 'i1', code: 502, message: 'The sandbox was not found' }
const LOCKED = { sandboxId: 'i1', port: 8080, code: 403, message: 'Sandbox is secured with traffic access token. Token header is missing' }

describe('the answer of an agent', () => {
  const cases = {
    'with an output is done': { answer: answer(200, { output: { n: 1 } }), want: ['Done', { n: 1 }] },
    'may have null as its output': { answer: answer(200, { output: null }), want: ['Done', null] },
    'without an output is invalid': { answer: answer(200, { result: 1 }), want: ['InvalidAnswer', undefined] },
    'that is not JSON is invalid': { answer: answer(200, 'ok'), want: ['InvalidAnswer', undefined] },
    'that nests too deeply is invalid': { answer: answer(200, deep(100_000)), want: ['InvalidAnswer', undefined] },
    'that nests as deeply as a task may is done': { answer: answer(200, deep(99)), want: ['Done', JSON.parse(lists(99))] },
    'that puts off is no failure': { answer: answer(503, 'busy', '1'), want: ['NotNow', undefined] },
    'with 500 is a failure': { answer: answer(500, { output: 1 }), want: ['AgentError', undefined] },
    'with 502 of its own is a failure that was begun': {
      answer: answer(502, { message: 'port is not open' }),
      want: ['AgentError', undefined],
    },
    'of the proxy about a closed port may come late': { answer: answer(502, CLOSED), want: ['Reset', undefined] },
    'of the proxy about a lost sandbox was never begun': { answer: answer(502, GONE), want: ['SandboxUnreachable', undefined] },
    'of the proxy about a token was never begun': { answer: answer(403, LOCKED), want: ['SandboxUnreachable', undefined] },
    'with another code in it than its status is not the proxy': { answer: answer(500, CLOSED), want: ['AgentError', undefined] },
    'with 422 is the fault of the task': { answer: answer(422, {}), want: ['Rejected', undefined] },
    'that never came after it was asked is a reset': { answer: failure('ECONNRESET', true), want: ['Reset', undefined] },
    'that could not be asked for is a refusal': { answer: failure('ECONNREFUSED', false), want: ['Refused', undefined] },
    'that is too large is given up': { answer: { kind: 'tooLarge', status: 200 } as const, want: ['AnswerTooLarge', undefined] },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => {
      const { outcome, output } = readAnswer(c.answer)
      expect([outcome, output]).to.deep.equal(c.want)
    })
  }

  it('says why it is invalid when it nests too deeply', () => {
    expect(readAnswer(answer(200, deep(100))).why).to.equal('its answer nests deeper than 100 levels')
  })

  it('is passed on where it is a rejection, as JSON or text, and cut', () => {
    expect(refusalOf(answer(400, lists(2_000)))).to.equal(lists(2_000))
    expect(refusalOf(answer(400, { why: 'n' }))).to.deep.equal({ why: 'n' })
    expect(refusalOf(answer(400, 'no'))).to.equal('no')
    expect(refusalOf(answer(400, ''))).to.equal(undefined)
    expect(refusalOf(answer(400, 'x'.repeat(10_000)))).to.have.length(4096)
  })
})

describe('the answer to a probe', () => {
  const cases = {
    'finds an agent well with 200': { answer: answer(200, {}), want: 'well' },
    'finds an agent answering with 503': { answer: answer(503, 'draining'), want: 'answering' },
    'finds nobody when the proxy answers': { answer: answer(502, CLOSED), want: 'missing' },
    'finds nobody without a connection': { answer: failure('ECONNREFUSED', false), want: 'missing' },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(readProbe(c.answer)).to.equal(c.want))
})

describe('the answer of a coordinator', () => {
  const PLAN = [{ input: 1 }]
  const cases: Record<string, { body: object; mayPlan?: boolean; want: unknown[] }> = {
    'may be subtasks instead of an output': { body: { subtasks: PLAN }, want: ['Done', PLAN, undefined] },
    'may be an empty plan': { body: { subtasks: [] }, want: ['Done', [], undefined] },
    'is the output when there are both': { body: { output: 1, subtasks: PLAN }, want: ['Done', undefined, 1] },
    'is the plan when the output is null': { body: { output: null, subtasks: PLAN }, want: ['Done', PLAN, undefined] },
    'is null when the plan is empty, too': { body: { output: null, subtasks: [] }, want: ['Done', undefined, null] },
    'is the output when the plan is null': { body: { output: 1, subtasks: null }, want: ['Done', undefined, 1] },
    'is invalid with a plan that is not well formed': { body: { subtasks: [1] }, want: ['InvalidAnswer', undefined, undefined] },
    'is invalid with a plan where none may be': { body: { subtasks: PLAN }, mayPlan: false, want: ['InvalidAnswer', undefined, undefined] },
  }
  for (const [name, { body, mayPlan = true, want }] of Object.entries(cases)) {
    it(name, () => {
      const { outcome, subtasks, output } = readAnswer(answer(200, body), mayPlan)
      expect([outcome, subtasks, output]).to.deep.equal(want)
    })
  }
})

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { classifyNoAnswer, classifySandboxError, classifyStatus, isNoAnswer } from './errors.ts'
import type { OperatorError } from '../errors.ts'

const CREATE = { what: 'creating a sandbox of template', about: 'base', isCreate: true }
const KILL = { what: 'killing sandbox', about: 'i1' }
const WRITE = { what: 'writing files into sandbox', about: 'i1', refusal: 'FileRejected' as const }

const named = (name: string) => Object.assign(new Error('secret detail'), { name })
const failed = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error('secret detail'), { code }) })
const told = (error: OperatorError) => `${error.name} ${error.reason} ${error.retry}`

const cases: Record<string, { error: OperatorError; want: string }> = {
  'a create answered with 500 may have made a sandbox': {
    error: classifyStatus(500, CREATE),
    want: 'AmbiguousCreateError ProviderUnavailable backoff',
  },
  'a create answered with 503 may have made one too': {
    error: classifyStatus(503, CREATE),
    want: 'AmbiguousCreateError ProviderUnavailable backoff',
  },
  'a create answered with 400 has not': { error: classifyStatus(400, CREATE), want: 'StalledError RequestRejected never' },
  'a create answered with 404 has no template': { error: classifyStatus(404, CREATE), want: 'StalledError TemplateNotFound never' },
  'a create answered with 403 has no right': { error: classifyStatus(403, CREATE), want: 'StalledError CredentialsRejected never' },
  'another call answered with 404 has no sandbox': { error: classifyStatus(404, KILL), want: 'SandboxGoneError SandboxGone backoff' },
  'another call answered with 502 is tried again': { error: classifyStatus(502, KILL), want: 'TransientError ProviderUnavailable backoff' },
  'a create whose connection broke may have made a sandbox': {
    error: classifyNoAnswer(failed('ECONNRESET'), CREATE),
    want: 'AmbiguousCreateError ProviderUnavailable backoff',
  },
  'a create that got no connection has not': {
    error: classifyNoAnswer(failed('ECONNREFUSED'), CREATE),
    want: 'TransientError ProviderUnavailable backoff',
  },
  'a create that took too long may have': {
    error: classifyNoAnswer(named('TimeoutError'), CREATE, 30_000),
    want: 'AmbiguousCreateError ProviderUnavailable backoff',
  },
  'a create whose answer cannot be read may have': {
    error: classifyNoAnswer(new SyntaxError('Unexpected end of JSON input'), CREATE),
    want: 'AmbiguousCreateError ProviderUnavailable backoff',
  },
  'another call without an answer is tried again': {
    error: classifyNoAnswer(failed('ECONNRESET'), KILL),
    want: 'TransientError ProviderUnavailable backoff',
  },
  'a file that the sandbox refuses': {
    error: classifySandboxError(named('InvalidArgumentError'), WRITE),
    want: 'StalledError FileRejected never',
  },
  'a full disk': { error: classifySandboxError(named('NotEnoughSpaceError'), WRITE), want: 'StalledError FileRejected never' },
  'a sandbox that ended': {
    error: classifySandboxError(named('SandboxNotFoundError'), WRITE),
    want: 'SandboxGoneError SandboxGone backoff',
  },
  'a sandbox that does not answer': {
    error: classifySandboxError(named('TimeoutError'), WRITE),
    want: 'TransientError ProviderUnavailable backoff',
  },
  'a sandbox whose token has changed': {
    error: classifySandboxError(named('AuthenticationError'), WRITE),
    want: 'TransientError ProviderUnavailable backoff',
  },
}

describe('errors', () => {
  for (const [name, { error, want }] of Object.entries(cases)) {
    it(name, () => {
      expect(told(error)).to.equal(want)
      expect(error.message).to.not.contain('secret')
    })
  }

  const silences: Record<string, { error: unknown; want: boolean }> = {
    'a connection that is refused': { error: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), want: true },
    'a code further down': { error: failed('UND_ERR_SOCKET'), want: true },
    'our own limit of time': { error: new DOMException('This operation was aborted', 'AbortError'), want: true },
    'an answer that is no HTTP': { error: named('HTTPParserError'), want: true },
    'a mistake of this program': { error: new TypeError('undefined is not a function'), want: false },
    'something that is no error': { error: 'no', want: false },
  }
  for (const [name, { error, want }] of Object.entries(silences))
    it(`${want ? 'silence' : 'no silence'}: ${name}`, () => expect(isNoAnswer(error)).to.equal(want))
})

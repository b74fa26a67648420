import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Retry } from '../errors.ts'
import { errorFromConnection, errorFromStatus } from './api-error.ts'

const cases: Record<
  string,
  { code: number; body?: object; header?: string; want: { reason: string; retry: Retry; retryAfterMs?: number } }
> = {
  'waits as long as a busy server asks': {
    code: 429,
    header: '2',
    want: { reason: 'TooManyRequests', retry: 'after', retryAfterMs: 2_000 },
  },
  'reads the wait from the body too': {
    code: 503,
    body: { reason: 'ServiceUnavailable', details: { retryAfterSeconds: 1 } },
    want: { reason: 'ServiceUnavailable', retry: 'after', retryAfterMs: 1_000 },
  },
  'backs off from a server error': { code: 500, want: { reason: 'ServerError', retry: 'backoff' } },
  'backs off from a conflict': { code: 409, body: { reason: 'Conflict' }, want: { reason: 'Conflict', retry: 'backoff' } },
  'backs off when forbidden: a role can be changed': {
    code: 403,
    body: { reason: 'Forbidden' },
    want: { reason: 'Forbidden', retry: 'backoff' },
  },
  'gives up on an object that is invalid': { code: 422, body: { reason: 'Invalid' }, want: { reason: 'Invalid', retry: 'never' } },
  'gives up in a namespace that is going': {
    code: 403,
    body: { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    want: { reason: 'Forbidden', retry: 'never' },
  },
}

describe('API errors', () => {
  for (const [name, { code, body, header, want }] of Object.entries(cases))
    it(name, () => {
      const { reason, retry, retryAfterMs } = errorFromStatus('get Thing ns/a', code, body, header)
      expect({ reason, retry, retryAfterMs }).to.deep.equal({ retryAfterMs: 0, ...want })
    })

  it('says what was asked of which object', () => {
    expect(errorFromStatus('apply Agent ns/a', 422, { message: 'spec.port: must be positive' }).message).to.equal(
      'the API server refused to apply Agent ns/a (422): spec.port: must be positive',
    )
  })

  it('tells a time-out from a refused connection', () => {
    const reasons = ['UND_ERR_CONNECT_TIMEOUT', 'ECONNREFUSED'].map(
      (code) => errorFromConnection('get Thing a', Object.assign(new Error('no'), { code })).reason,
    )
    expect(reasons).to.deep.equal(['Timeout', 'Unreachable'])
  })
})

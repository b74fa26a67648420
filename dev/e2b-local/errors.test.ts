import { expect } from 'chai'
import { describe, it } from 'mocha'
import { EnvdError, toEnvdError } from './errors.ts'

describe('toEnvdError', () => {
  const system = (code: string) => Object.assign(new Error(`${code}: at /secret/path`), { code })
  const cases: Record<string, [error: unknown, code: string, status: number, message: string]> = {
    'keeps a refusal as it is': [new EnvdError('not_found', 'gone'), 'not_found', 404, 'gone'],
    'tells what is missing': [system('ENOENT'), 'not_found', 404, 'reading: ENOENT'],
    'tells what may not be': [system('EACCES'), 'permission_denied', 403, 'reading: EACCES'],
    'tells a full disk by its own status': [system('ENOSPC'), 'resource_exhausted', 507, 'reading: no space left'],
    'tells what is not zipped': [system('Z_DATA_ERROR'), 'invalid_argument', 400, 'reading: Z_DATA_ERROR'],
    'has a word for the rest': [system('EWHATEVER'), 'internal', 500, 'reading: EWHATEVER'],
    'shows nothing of a fault of its own': [new TypeError('secret'), 'internal', 500, 'reading: internal error'],
  }
  for (const [name, [error, code, status, message]] of Object.entries(cases))
    it(name, () => {
      const got = toEnvdError(error, 'reading')
      expect([got.code, got.httpStatus, got.message]).to.deep.equal([code, status, message])
    })
})

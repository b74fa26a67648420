import { expect } from 'chai'
import { getSignature } from 'e2b'
import { describe, it } from 'mocha'
import { fileSignature } from './files-http.ts'

describe('fileSignature', () => {
  const cases: Record<string, { path: string; operation: 'read' | 'write'; user: string; expirationInSeconds?: number }> = {
    'is the package’s for download': { path: '/home/user/a b', operation: 'read', user: '' },
    'is the package’s for upload': { path: '', operation: 'write', user: 'root' },
    'is the package’s with an end': { path: 'ä', operation: 'read', user: 'user', expirationInSeconds: 60 },
  }
  for (const [name, of] of Object.entries(cases))
    it(name, async () => {
      const { signature, expiration } = await getSignature({ ...of, envdAccessToken: 'token' })
      expect(fileSignature({ ...of, expiration: String(expiration ?? ''), token: 'token' })).to.equal(signature)
    })
})

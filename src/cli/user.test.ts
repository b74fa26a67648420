import { expect } from 'chai'
import { describe, it } from 'mocha'
import { userName } from './user.ts'

describe('the name of a user', () => {
  const nameless = () => {
    throw new Error('uv_os_get_passwd returned ENOENT')
  }
  const cases: Record<string, { read: () => string; env: Record<string, string>; uid?: number; want: string }> = {
    'is what the system knows': { read: () => 'ada', env: { USER: 'else' }, uid: 1, want: 'ada' },
    'is that of the environment where the system knows none': { read: nameless, env: { USER: 'ada' }, uid: 1, want: 'ada' },
    'is a number where nobody knows one': { read: nameless, env: { USER: '' }, uid: 1001, want: 'uid 1001' },
    'is unknown where users have no numbers': { read: nameless, env: {}, want: 'uid unknown' },
  }
  for (const [name, { read, env, uid, want }] of Object.entries(cases)) it(name, () => expect(userName(read, env, uid)).to.equal(want))
})

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { EnvdError } from './errors.ts'
import { virtualPath } from './paths.ts'

const ROOT = '/data/i1'

describe('virtualPath', () => {
  const cases: Record<string, [path: string, want: string]> = {
    'takes an absolute path as it is': ['/a/b', '/a/b'],
    'begins a relative one at the home': ['a/b', '/home/user/a/b'],
    'takes nothing for the home': ['', '/home/user'],
    'knows ~': ['~', '/home/user'],
    'knows ~/': ['~/a', '/home/user/a'],
    'takes ~name for a name': ['~name', '/home/user/~name'],
    'drops . and doubled slashes': ['/a/.//b/', '/a/b'],
    'goes up within the sandbox': ['/a/b/../c', '/a/c'],
    'goes up from the home': ['../../etc', '/etc'],
    'goes up to the root': ['/a/..', '/'],
    'takes the root': ['/', '/'],
    'takes three dots for a name': ['/...', '/...'],
    'takes back what a command printed': ['/data/i1/home/user/x', '/home/user/x'],
    'takes back the root that a command printed': ['/data/i1', '/'],
    'does not take another sandbox for its own': ['/data/i12/x', '/data/i12/x'],
  }
  for (const [name, [path, want]] of Object.entries(cases)) it(name, () => expect(virtualPath(path, ROOT)).to.equal(want))

  const refused: Record<string, [path: string, code: string]> = {
    'refuses to climb out': ['/..', 'permission_denied'],
    'refuses to climb out from the home': ['../../../etc', 'permission_denied'],
    'refuses to climb out and in again': ['/../data/i1/x', 'permission_denied'],
    'refuses to climb out of what a command printed': ['/data/i1/../i2', 'permission_denied'],
    'refuses a NUL': ['a\0b', 'invalid_argument'],
    'refuses what is too long': ['a'.repeat(4097), 'invalid_argument'],
  }
  for (const [name, [path, code]] of Object.entries(refused))
    it(name, () =>
      expect(() => virtualPath(path, ROOT))
        .to.throw(EnvdError)
        .with.property('code', code),
    )
})

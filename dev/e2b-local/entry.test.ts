import { expect } from 'chai'
import { describe, it } from 'mocha'
import { permissionText } from './entry.ts'

describe('permissionText', () => {
  const cases: Record<string, string> = {
    '-rw-r--r--': permissionText(0o100644, 'FILE_TYPE_FILE'),
    'drwxr-xr-x': permissionText(0o40755, 'FILE_TYPE_DIRECTORY'),
    Lrwxrwxrwx: permissionText(0o120777, 'FILE_TYPE_SYMLINK'),
    '----------': permissionText(0, 'FILE_TYPE_FILE'),
  }
  for (const [want, got] of Object.entries(cases)) it(want, () => expect(got).to.equal(want))
})

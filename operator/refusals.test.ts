import { describe, it } from 'mocha'
import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const PROGRAM = `
  import { logEverything } from './operator/refusals.ts'
  import { createLog } from './src/log.ts'
  const log = createLog({ shape: 'json' })
  logEverything(log)
  process.emitWarning('something is old')
  setTimeout(() => { throw new Error('nobody foresaw Bearer abc.def') }, 50)
`

describe('a program that ends by an error that nobody foresaw', () => {
  it('says so in its log, as it says warnings of Node.js, without secrets', () => {
    const args = ['--input-type=module-typescript', '--eval', PROGRAM]
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' })
    expect(status, stderr).to.equal(1)
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string; message: string; error: string | { message: string } })
    expect(lines.map(({ level, message }) => [level, message])).to.deep.equal([
      ['warn', 'warning of Node.js'],
      ['error', 'ended by an error that nobody foresaw'],
    ])
    expect(lines.map(({ error }) => (typeof error === 'string' ? error : error.message))).to.deep.equal([
      'something is old',
      'nobody foresaw Bearer [redacted]',
    ])
  })
})

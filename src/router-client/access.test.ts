import { afterEach, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { followedFile } from './access.ts'

describe('a file that others replace', () => {
  let directory: string
  let nowMs: number
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'followed-'))
    nowMs = 0
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('is read again after a minute, and kept as it was while it cannot be', () => {
    const path = join(directory, 'token')
    writeFileSync(path, 'first')
    const text = followedFile(path, () => nowMs)
    expect(text()).to.equal('first')
    writeFileSync(path, 'second')
    nowMs = 59_999
    expect(text()).to.equal('first')
    nowMs = 60_000
    expect(text()).to.equal('second')
    rmSync(path)
    nowMs = 120_000
    expect(text()).to.equal('second')
    writeFileSync(path, 'third')
    expect(text(), 'a failure is tried again at once').to.equal('third')
  })

  it('that was never there is an error', () => {
    expect(followedFile(join(directory, 'none'), () => nowMs)).to.throw('ENOENT')
  })
})

import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Readable } from 'node:stream'
import { LightFiles } from './light-files.ts'
import { LIGHT_SANDBOX_BYTES } from './limits.ts'

describe('light files', () => {
  let space: { usedBytes: number }
  let files: LightFiles
  beforeEach(() => {
    space = { usedBytes: 0 }
    files = new LightFiles(space)
  })
  const write = async (path: string, text: string) => files.write(path, Readable.from([Buffer.from(text)]))
  const read = async (path: string) => Buffer.concat(await (await files.read(path)).content.toArray()).toString()
  const refusal = async (doing: Promise<unknown>) =>
    doing.then(
      () => 'done',
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    )

  it('give back what was written, and count only what is there', async () => {
    await write('a', 'one')
    await write('a', 'fourth')
    expect([await read('/home/user/a'), space.usedBytes]).to.deep.equal(['fourth', 6])
    await files.remove('a')
    expect(space.usedBytes).to.equal(0)
  })

  it('give their memory back at the end', async () => {
    await write('a', 'one')
    files.clear()
    expect(space.usedBytes).to.equal(0)
  })

  it('take no more than a sandbox may have', async () => {
    expect(await refusal(write('big', 'x'.repeat(LIGHT_SANDBOX_BYTES + 1)))).to.equal('resource_exhausted')
    expect(space.usedBytes).to.equal(0)
  })

  it('move with all that is below', async () => {
    await write('a/b/c', 'x')
    await files.move('a', 'z')
    expect((await files.list('/home/user', 9)).map((entry) => entry.path).sort()).to.deep.equal([
      '/home/user/z',
      '/home/user/z/b',
      '/home/user/z/b/c',
    ])
  })

  it('refuse what cannot be', async () => {
    await write('a/b', 'x')
    const got = {
      missing: await refusal(read('none')),
      'a directory as a file': await refusal(read('a')),
      'a file as a directory': await refusal(files.list('a/b', 1)),
      'below a file': await refusal(write('a/b/c', 'x')),
      'into itself': await refusal(files.move('a', 'a/c')),
      'made twice': await refusal(files.makeDir('a')),
      'the root': await refusal(files.remove('/')),
      'out of the sandbox': await refusal(write('/../x', 'x')),
    }
    expect(got).to.deep.equal({
      missing: 'not_found',
      'a directory as a file': 'invalid_argument',
      'a file as a directory': 'invalid_argument',
      'below a file': 'invalid_argument',
      'into itself': 'invalid_argument',
      'made twice': 'already_exists',
      'the root': 'permission_denied',
      'out of the sandbox': 'permission_denied',
    })
  })

  it('tell watchers what changes, of all that is below only when asked', async () => {
    await files.makeDir('a')
    const [flat, deep]: [string[], string[]] = [[], []]
    await files.watch('/home/user', false, ({ name, type }) => void flat.push(`${name} ${type}`))
    const stop = await files.watch('/home/user', true, ({ name, type }) => void deep.push(`${name} ${type}`))
    await write('a/b', 'x')
    await write('c', 'x')
    stop()
    await files.remove('c')
    expect([flat, deep]).to.deep.equal([
      ['c EVENT_TYPE_CREATE', 'c EVENT_TYPE_REMOVE'],
      ['a/b EVENT_TYPE_CREATE', 'c EVENT_TYPE_CREATE'],
    ])
  })
})

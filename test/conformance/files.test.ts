import { expect } from 'chai'
import { FileNotFoundError, FileType, InvalidArgumentError, type Sandbox, SandboxError } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { createHash, randomBytes } from 'node:crypto'
import { failure, openTarget, type Target } from './target.ts'

describe('files', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  let number = 0
  /** A directory that no other test uses. */
  const directory = () => `/home/user/files-${++number}`
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
  })
  after(() => target.stop())

  const arrayBuffer = (bytes: Uint8Array) => new Uint8Array(bytes).buffer
  async function drained(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  it('are read as text, bytes, blob and stream', async () => {
    const text = 'grüezi 🚀\nline'
    await sandbox.files.write('text.txt', text)
    expect(await sandbox.files.read('text.txt')).to.equal(text)
    expect(Buffer.from(await sandbox.files.read('text.txt', { format: 'bytes' })).toString()).to.equal(text)
    expect(await (await sandbox.files.read('text.txt', { format: 'blob' })).text()).to.equal(text)
    expect((await drained(await sandbox.files.read('text.txt', { format: 'stream' }))).toString()).to.equal(text)
  })

  it('are written from text, buffer, blob and stream', async () => {
    const bytes = new Uint8Array([0, 1, 254, 255])
    const sources = {
      text: 'text',
      buffer: arrayBuffer(bytes),
      blob: new Blob([bytes]),
      stream: new Blob([bytes]).stream(),
    }
    for (const [name, data] of Object.entries(sources)) {
      const written = await sandbox.files.write(`from-${name}`, data)
      expect(written).to.deep.include({ name: `from-${name}`, type: FileType.FILE, path: `/home/user/from-${name}` })
      const expected = name === 'text' ? Buffer.from('text') : Buffer.from(bytes)
      expect(Buffer.from(await sandbox.files.read(`from-${name}`, { format: 'bytes' })).equals(expected), name).to.equal(true)
    }
  })

  it('are written zipped as well as plain, and read zipped', async () => {
    const text = 'the same again and again. '.repeat(10_000)
    await sandbox.files.write('zipped', text, { gzip: true })
    await sandbox.files.write('octets', text, { useOctetStream: true })
    expect((await sandbox.files.read('zipped', { gzip: true })) === text).to.equal(true)
    expect((await sandbox.files.read('octets')) === text).to.equal(true)
    expect((await sandbox.commands.run('cmp zipped octets && wc -c < zipped')).stdout.trim()).to.equal(String(text.length))
  })

  it('may be empty', async () => {
    await sandbox.files.write('empty', '')
    expect(await sandbox.files.read('empty')).to.equal('')
    expect(await sandbox.files.read('empty', { gzip: true })).to.equal('')
    expect((await sandbox.files.getInfo('empty')).size).to.equal(0)
  })

  it('are written many at once, with the directories they need', async () => {
    const at = directory()
    const files = Array.from({ length: 20 }, (_, i) => ({ path: `${at}/a/b${i % 3}/file ${i}.txt`, data: `content ${i}` }))
    const written = await sandbox.files.write(files)
    expect(written.map((info) => info.path)).to.deep.equal(files.map((file) => file.path))
    for (const file of files) expect(await sandbox.files.read(file.path)).to.equal(file.data)
  })

  it('replace what was there', async () => {
    await sandbox.files.write('twice', 'the first and longer one')
    await sandbox.files.write('twice', 'second')
    expect(await sandbox.files.read('twice')).to.equal('second')
  })

  it('of 20 MB go both ways unchanged', async () => {
    const bytes = randomBytes(20 * 1024 * 1024)
    const sum = createHash('sha256').update(bytes).digest('hex')
    await sandbox.files.write('big', arrayBuffer(bytes))
    expect((await sandbox.commands.run('sha256sum < big')).stdout.split(' ')[0]).to.equal(sum)
    const back = await drained(await sandbox.files.read('big', { format: 'stream' }))
    expect(createHash('sha256').update(back).digest('hex')).to.equal(sum)
    await sandbox.files.remove('big')
  })

  const NAMES = [
    'with space',
    'ümläut',
    '日本 🚀',
    'a&b=c?d#e',
    '100%',
    '%2e%2e',
    'back\\slash',
    'quo\'te"s',
    'a+b',
    '-rf',
    '~tilde',
    'semi;colon',
    'new\nline',
    '.hidden',
    '...',
  ]
  for (const name of NAMES)
    it(`may be called ${JSON.stringify(name)}`, async () => {
      const at = directory()
      const path = `${at}/${name}`
      await sandbox.files.write([{ path, data: 'one' }])
      await sandbox.files.write(path, 'two', { useOctetStream: true })
      expect(await sandbox.files.read(path)).to.equal('two')
      expect((await sandbox.files.list(at)).map((entry) => [entry.name, entry.path])).to.deep.equal([[name, path]])
      expect((await sandbox.files.getInfo(path)).size).to.equal(3)
      await sandbox.files.rename(path, `${path}2`)
      expect([await sandbox.files.exists(path), await sandbox.files.exists(`${path}2`)]).to.deep.equal([false, true])
      await sandbox.files.remove(`${path}2`)
      expect(await sandbox.files.list(at)).to.deep.equal([])
    })

  it('are the same ones that commands see', async () => {
    await sandbox.commands.run('mkdir -p shared && echo "from a command" > shared/file && chmod 640 shared/file')
    expect(await sandbox.files.read('shared/file')).to.equal('from a command\n')
    const info = await sandbox.files.getInfo('shared/file')
    expect(info).to.deep.include({ name: 'file', type: FileType.FILE, path: '/home/user/shared/file', size: 15, mode: 0o640 })
    expect([info.permissions, info.owner, info.group]).to.deep.equal(['-rw-r-----', 'user', 'user'])
    expect(Math.abs((info.modifiedTime?.getTime() ?? 0) - Date.now())).to.be.below(60_000)
  })

  it('are listed to the depth that is asked for', async () => {
    const at = directory()
    await sandbox.files.write([
      { path: `${at}/one`, data: '' },
      { path: `${at}/dir/two`, data: '' },
      { path: `${at}/dir/dir/three`, data: '' },
    ])
    const names = async (depth: number) => (await sandbox.files.list(at, { depth })).map((entry) => entry.path.slice(at.length)).sort()
    expect(await names(1)).to.deep.equal(['/dir', '/one'])
    expect(await names(2)).to.deep.equal(['/dir', '/dir/dir', '/dir/two', '/one'])
    expect(await names(9)).to.deep.equal(['/dir', '/dir/dir', '/dir/dir/three', '/dir/two', '/one'])
    const types = Object.fromEntries((await sandbox.files.list(at)).map((entry) => [entry.name, entry.type]))
    expect(types).to.deep.equal({ dir: FileType.DIR, one: FileType.FILE })
  })

  it('have a root', async () => {
    expect(await sandbox.files.getInfo('/')).to.deep.include({ type: FileType.DIR, path: '/' })
    expect((await sandbox.files.list('/')).map((entry) => entry.path)).to.include.members(['/home', '/tmp'])
  })

  it('that are links tell where they lead', async () => {
    const at = directory()
    await sandbox.files.write(`${at}/real`, 'content')
    await sandbox.commands.run('ln -s real link', { cwd: at })
    const info = await sandbox.files.getInfo(`${at}/link`)
    expect([info.name, info.symlinkTarget?.endsWith('real')]).to.deep.equal(['link', true])
    expect(await sandbox.files.read(`${at}/link`)).to.equal('content')
    await sandbox.files.remove(`${at}/link`)
    expect(await sandbox.files.read(`${at}/real`)).to.equal('content')
  })

  it('exist or do not', async () => {
    const at = directory()
    expect(await sandbox.files.exists(at)).to.equal(false)
    await sandbox.files.makeDir(at)
    expect([await sandbox.files.exists(at), await sandbox.files.exists(`${at}/x/y`)]).to.deep.equal([true, false])
  })

  it('have directories, which are made once', async () => {
    const at = directory()
    expect(await sandbox.files.makeDir(`${at}/a/b`)).to.equal(true)
    expect(await sandbox.files.makeDir(`${at}/a/b`)).to.equal(false)
    expect((await sandbox.files.getInfo(`${at}/a/b`)).type).to.equal(FileType.DIR)
  })

  it('are renamed, directories with all that is in them', async () => {
    const at = directory()
    await sandbox.files.write(`${at}/old/file`, 'content')
    const info = await sandbox.files.rename(`${at}/old`, `${at}/new`)
    expect([info.name, info.path]).to.deep.equal(['new', `${at}/new`])
    expect(await sandbox.files.read(`${at}/new/file`)).to.equal('content')
    expect(await sandbox.files.exists(`${at}/old`)).to.equal(false)
  })

  it('are removed, directories with all that is in them', async () => {
    const at = directory()
    await sandbox.files.write(`${at}/a/b/c`, '')
    await sandbox.files.remove(at)
    expect(await sandbox.files.exists(at)).to.equal(false)
  })

  it('keep the metadata they were written with', async () => {
    const { metadata } = await sandbox.files.write('labelled', 'x', { metadata: { origin: 'test' } })
    expect(metadata).to.deep.equal({ origin: 'test' })
    expect((await sandbox.files.getInfo('labelled')).metadata).to.deep.equal({ origin: 'test' })
  })

  it('and directories are not mixed up', async () => {
    const at = directory()
    await sandbox.files.write(`${at}/file`, '')
    const errors = {
      'reading a directory': await failure(sandbox.files.read(at)),
      'writing to a directory': await failure(sandbox.files.write(at, 'x')),
      'listing a file': await failure(sandbox.files.list(`${at}/file`)),
      'making a directory where a file is': await failure(sandbox.files.makeDir(`${at}/file`)),
    }
    for (const [what, error] of Object.entries(errors)) expect(error, what).to.be.instanceOf(SandboxError)
    expect(errors['reading a directory']).to.be.instanceOf(InvalidArgumentError)
    expect(errors['reading a directory'].message).to.contain('is a directory')
  })

  it('cannot be moved into themselves', async () => {
    const at = directory()
    await sandbox.files.makeDir(`${at}/a`)
    expect(await failure(sandbox.files.rename(`${at}/a`, `${at}/a/b`))).to.be.instanceOf(SandboxError)
    expect(await sandbox.files.exists(`${at}/a`)).to.equal(true)
  })

  it('are listed while others come and go', async () => {
    const at = directory()
    await sandbox.files.makeDir(at)
    const churn = await sandbox.commands.run('while :; do for i in 1 2 3 4 5 6; do mkdir -p d$i; touch d$i/f; done; rm -rf d*; done', {
      background: true,
      timeoutMs: 0,
      cwd: at,
    })
    for (let i = 0; i < 200; i++) expect(await sandbox.files.list(at, { depth: 2 })).to.be.an('array')
    await churn.kill()
  })

  it('that were removed are not found', async () => {
    await sandbox.files.write('short-lived', 'x')
    await sandbox.files.remove('short-lived')
    expect(await failure(sandbox.files.read('short-lived'))).to.be.instanceOf(FileNotFoundError)
  })
})

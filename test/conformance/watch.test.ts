import { expect } from 'chai'
import { type FilesystemEvent, FilesystemEventType, FileNotFoundError, type Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { failure, openTarget, type Target } from './target.ts'

type WatchOptions = NonNullable<Parameters<Sandbox['files']['watchDir']>[2]>

describe('watched directories', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  let number = 0
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
  })
  after(() => target.stop())

  async function watched(options: WatchOptions = {}) {
    const at = `/home/user/watched-${++number}`
    await sandbox.files.makeDir(at)
    const events: FilesystemEvent[] = []
    const handle = await sandbox.files.watchDir(at, (event) => void events.push(event), { timeoutMs: 0, ...options })
    const sees = async (name: string, type: FilesystemEventType) =>
      eventually(`${type} of ${name} is told`, () => events.find((event) => event.name === name && event.type === type))
    return { at, events, handle, sees }
  }
  const { CREATE, WRITE, REMOVE, RENAME, CHMOD } = FilesystemEventType

  it('tell what becomes of a file', async () => {
    const { at, handle, sees } = await watched()
    await sandbox.files.write(`${at}/file`, 'one')
    await sees('file', CREATE)
    await sees('file', WRITE)
    await sandbox.commands.run('chmod 600 file', { cwd: at })
    await sees('file', CHMOD)
    await sandbox.files.rename(`${at}/file`, `${at}/other`)
    await sees('file', RENAME)
    await sees('other', CREATE)
    await sandbox.files.remove(`${at}/other`)
    await sees('other', REMOVE)
    await handle.stop()
  })

  it('tell of directories below only when asked to', async () => {
    const flat = await watched()
    await sandbox.files.makeDir(`${flat.at}/sub`)
    await flat.sees('sub', CREATE)
    await sandbox.files.write(`${flat.at}/sub/file`, 'x')
    await sandbox.files.write(`${flat.at}/last`, 'x')
    await flat.sees('last', CREATE)
    expect(flat.events.filter((event) => event.name.includes('/'))).to.deep.equal([])
    await flat.handle.stop()

    const deep = await watched({ recursive: true })
    await sandbox.files.makeDir(`${deep.at}/sub/sub`)
    await deep.sees('sub', CREATE)
    await eventually('a new file far below is told', async () => {
      const name = `file-${deep.events.length}-${Math.random()}`
      await sandbox.files.write(`${deep.at}/sub/sub/${name}`, 'x')
      return eventually('it is told', () => deep.events.some((event) => event.name === `sub/sub/${name}`), { timeoutMs: 500 })
    })
    await deep.handle.stop()
  })

  it('go on telling while directories come and go in a hurry', async () => {
    const { at, handle, sees } = await watched({ recursive: true })
    await sandbox.commands.run('for i in $(seq 200); do mkdir -p a/b/c; touch a/b/c/f; rm -rf a; done', { cwd: at })
    await sandbox.files.write(`${at}/after`, 'x')
    await sees('after', CREATE)
    await handle.stop()
  })

  it('show the entry when asked to', async () => {
    const { at, handle, sees } = await watched({ includeEntry: true })
    await sandbox.files.write(`${at}/file`, 'four')
    const event = await sees('file', WRITE)
    expect(event.entry).to.deep.include({ name: 'file', path: `${at}/file`, size: 4 })
    await handle.stop()
  })

  it('tell nothing after the end of the watch', async () => {
    const { at, events, handle, sees } = await watched()
    await sandbox.files.write(`${at}/first`, 'x')
    await sees('first', CREATE)
    await handle.stop()
    const before = events.length
    const other = await watched()
    await sandbox.files.write(`${at}/second`, 'x')
    await sandbox.files.write(`${other.at}/second`, 'x')
    await other.sees('second', CREATE)
    expect(events).to.have.length(before)
    await other.handle.stop()
  })

  it('end with their time', async () => {
    const ended: unknown[] = []
    await watched({ timeoutMs: 300, onExit: (error) => void ended.push(error) })
    await eventually('the watch has ended', () => ended.length > 0)
  })

  it('end with their sandbox', async () => {
    const own = await target.create()
    const ended: unknown[] = []
    await own.files.watchDir('/home/user', () => undefined, { timeoutMs: 0, onExit: (error) => void ended.push(error) })
    await own.kill()
    await eventually('the watch has ended', () => ended.length > 0)
  })

  it('must be there and be directories', async () => {
    expect(await failure(sandbox.files.watchDir('/home/user/none', () => undefined))).to.be.instanceOf(FileNotFoundError)
    await sandbox.files.write('file', 'x')
    expect((await failure(sandbox.files.watchDir('/home/user/file', () => undefined))).message).to.contain('not a directory')
  })
})

import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, mkdir, open, readdir, readlink, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FileEvent, FileStore } from './backend.ts'
import { entryOf, type EntryInfo } from './entry.ts'
import { EnvdError } from './errors.ts'
import { FILE_BYTES, LIST_ENTRIES } from './limits.ts'
import { diskPath, virtualPath } from './paths.ts'
import { watchDirectory } from './watch.ts'

/** The files of a sandbox in a directory on disk, which is its root. */
export class LocalFiles implements FileStore {
  readonly #root: string
  /** Metadata given at upload. It is kept in memory, since not every file system stores it. */
  readonly #metadata = new Map<string, Readonly<Record<string, string>>>()

  constructor(root: string) {
    this.#root = root
  }

  async read(path: string): Promise<{ size: number; name: string; content: Readable }> {
    const disk = await diskPath(path, this.#root)
    const stats = await stat(disk).catch(missing(path))
    if (stats.isDirectory()) throw new EnvdError('invalid_argument', `path '${path}' is a directory`)
    // Opening a named pipe would wait for its writer for ever.
    if (!stats.isFile()) throw new EnvdError('invalid_argument', `path '${path}' is not a regular file`)
    const name = basename(disk)
    if (stats.size === 0) return { size: 0, name, content: Readable.from([]) }
    const handle = await open(disk)
    return { size: stats.size, name, content: createReadStream('', { fd: handle, end: stats.size - 1 }) }
  }

  async write(path: string, content: Readable, metadata: Readonly<Record<string, string>> = {}): Promise<EntryInfo> {
    const disk = await diskPath(path, this.#root)
    const there = await stat(disk).catch(() => undefined)
    if (there?.isDirectory() === true) throw new EnvdError('invalid_argument', `path '${path}' is a directory`)
    if (there !== undefined && !there.isFile()) throw new EnvdError('invalid_argument', `path '${path}' is not a regular file`)
    await mkdir(dirname(disk), { recursive: true })
    await pipeline(content, atMost(FILE_BYTES), createWriteStream(disk))
    this.#metadata.set(virtualPath(path, this.#root), metadata)
    return this.stat(path)
  }

  async stat(path: string): Promise<EntryInfo> {
    const virtual = virtualPath(path, this.#root)
    const disk = await diskPath(path, this.#root, 'itself')
    return this.#entry(virtual, disk)
  }

  async list(path: string, depth: number): Promise<EntryInfo[]> {
    const virtual = virtualPath(path, this.#root)
    const disk = await diskPath(path, this.#root)
    const stats = await stat(disk).catch(missing(path))
    if (!stats.isDirectory()) throw new EnvdError('invalid_argument', `path '${path}' is not a directory`)
    const entries: EntryInfo[] = []
    await this.#walk(virtual, disk, { depth: Math.max(1, depth), entries })
    return entries
  }

  async makeDir(path: string): Promise<EntryInfo> {
    const disk = await diskPath(path, this.#root)
    const there = await stat(disk).catch(() => undefined)
    if (there?.isDirectory() === true) throw new EnvdError('already_exists', `directory already exists: ${path}`)
    if (there !== undefined) throw new EnvdError('invalid_argument', `path already exists but is not a directory: ${path}`)
    await mkdir(disk, { recursive: true })
    return this.stat(path)
  }

  async move(source: string, destination: string): Promise<EntryInfo> {
    const from = await diskPath(source, this.#root, 'itself')
    const to = await diskPath(destination, this.#root, 'itself')
    if (from === this.#root) throw new EnvdError('invalid_argument', 'the root cannot be moved')
    await lstat(from).catch(missing(source))
    await mkdir(dirname(to), { recursive: true })
    await rename(from, to)
    const metadata = this.#metadata.get(virtualPath(source, this.#root))
    this.#metadata.delete(virtualPath(source, this.#root))
    if (metadata !== undefined) this.#metadata.set(virtualPath(destination, this.#root), metadata)
    return this.stat(destination)
  }

  async remove(path: string): Promise<void> {
    const disk = await diskPath(path, this.#root, 'itself')
    if (disk === this.#root) throw new EnvdError('permission_denied', 'the root cannot be removed')
    await rm(disk, { recursive: true, force: true })
    this.#metadata.delete(virtualPath(path, this.#root))
  }

  async watch(path: string, recursive: boolean, onEvent: (event: FileEvent) => void): Promise<() => void> {
    const virtual = virtualPath(path, this.#root)
    const disk = await diskPath(path, this.#root)
    const stats = await stat(disk).catch(missing(path))
    if (!stats.isDirectory()) throw new EnvdError('invalid_argument', `path '${path}' is not a directory`)
    return watchDirectory(disk, virtual, recursive, onEvent)
  }

  async #entry(virtual: string, disk: string): Promise<EntryInfo> {
    const stats = await lstat(disk).catch(missing(virtual))
    const metadata = this.#metadata.get(virtual)
    return entryOf(virtual, stats, {
      ...(stats.isSymbolicLink() ? { symlinkTarget: await readlink(disk) } : {}),
      ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata }),
    })
  }

  async #walk(virtual: string, disk: string, found: { depth: number; entries: EntryInfo[] }): Promise<void> {
    for (const item of await readdir(disk, { withFileTypes: true }).catch(missing(virtual))) {
      if (found.entries.length >= LIST_ENTRIES)
        throw new EnvdError('resource_exhausted', `more than ${LIST_ENTRIES} entries; list with less depth`)
      const at = join(virtual, item.name)
      const entry = await this.#entry(at, join(disk, item.name)).catch(unlessMissing)
      if (entry === undefined) continue // it has gone since the directory was read
      found.entries.push(entry)
      if (item.isDirectory() && found.depth > 1)
        await this.#walk(at, join(disk, item.name), { depth: found.depth - 1, entries: found.entries }).catch(unlessMissing)
    }
  }
}

const missing =
  (path: string) =>
  (error: unknown): never => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      throw new EnvdError('not_found', `path '${path}' does not exist`)
    throw error
  }

function unlessMissing(error: unknown): undefined {
  if (error instanceof EnvdError && error.code === 'not_found') return undefined
  throw error
}

/** Passes bytes through and refuses more than so many. */
function atMost(maxBytes: number): Transform {
  let bytes = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > maxBytes) done(new EnvdError('resource_exhausted', `the file exceeds ${maxBytes} bytes`, 413))
      else done(null, chunk)
    },
  })
}

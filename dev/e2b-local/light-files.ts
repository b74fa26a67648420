import { posix } from 'node:path'
import { Readable } from 'node:stream'
import type { FileEvent, FileStore } from './backend.ts'
import { permissionText, type EntryInfo } from './entry.ts'
import { EnvdError } from './errors.ts'
import { LIGHT_SANDBOX_BYTES, LIGHT_TOTAL_BYTES } from './limits.ts'
import { HOME, virtualPath } from './paths.ts'

/** The memory that all light sandboxes of a server share. */
export type LightSpace = { usedBytes: number }

type Node = { readonly content: Buffer | undefined; readonly changedAtMs: number; readonly metadata: Readonly<Record<string, string>> }

/** Files in memory, within bounds. A node without content is a directory. */
export class LightFiles implements FileStore {
  readonly #space: LightSpace
  readonly #nodes = new Map<string, Node>()
  readonly #watchers = new Set<(event: FileEvent) => void>()
  #usedBytes = 0

  constructor(space: LightSpace) {
    this.#space = space
    this.#makeParents(`${HOME}/x`)
  }

  async read(path: string): Promise<{ size: number; name: string; content: Readable }> {
    const at = virtualPath(path, '/')
    const { content } = this.#node(at)
    if (content === undefined) throw new EnvdError('invalid_argument', `path '${path}' is a directory`)
    return Promise.resolve({ size: content.length, name: posix.basename(at), content: Readable.from([content]) })
  }

  async write(path: string, content: Readable, metadata: Readonly<Record<string, string>> = {}): Promise<EntryInfo> {
    const at = virtualPath(path, '/')
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of content as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (this.#usedBytes + bytes > LIGHT_SANDBOX_BYTES || this.#space.usedBytes + bytes > LIGHT_TOTAL_BYTES)
        throw new EnvdError('resource_exhausted', 'no space left: light mode keeps files in memory', 507)
      chunks.push(chunk)
    }
    const before = this.#nodes.get(at)
    if (before !== undefined && before.content === undefined) throw new EnvdError('invalid_argument', `path '${path}' is a directory`)
    this.#makeParents(at)
    this.#forget(at)
    this.#nodes.set(at, { content: Buffer.concat(chunks), changedAtMs: Date.now(), metadata })
    this.#account(bytes)
    this.#tell(at, before === undefined ? 'EVENT_TYPE_CREATE' : 'EVENT_TYPE_WRITE')
    return this.stat(path)
  }

  async stat(path: string): Promise<EntryInfo> {
    const at = virtualPath(path, '/')
    return Promise.resolve(entry(at, this.#node(at)))
  }

  async list(path: string, depth: number): Promise<EntryInfo[]> {
    const at = virtualPath(path, '/')
    if (this.#node(at).content !== undefined) throw new EnvdError('invalid_argument', `path '${path}' is not a directory`)
    const deepest = partsOf(at) + Math.max(1, depth)
    const found = [...this.#nodes].filter(([name]) => isBelow(name, at) && partsOf(name) <= deepest)
    return Promise.resolve(found.map(([name, node]) => entry(name, node)))
  }

  async makeDir(path: string): Promise<EntryInfo> {
    const at = virtualPath(path, '/')
    const there = at === '/' || this.#nodes.get(at)?.content === undefined
    if (this.#nodes.has(at) || at === '/')
      throw there
        ? new EnvdError('already_exists', `directory already exists: ${path}`)
        : new EnvdError('invalid_argument', `not a directory: ${path}`)
    this.#makeParents(`${at}/x`)
    this.#tell(at, 'EVENT_TYPE_CREATE')
    return this.stat(path)
  }

  async move(source: string, destination: string): Promise<EntryInfo> {
    const from = virtualPath(source, '/')
    const to = virtualPath(destination, '/')
    const moving = this.#node(from)
    if (from === '/' || isBelow(to, from)) throw new EnvdError('invalid_argument', 'a directory cannot be moved into itself')
    const below = [...this.#nodes].filter(([name]) => isBelow(name, from))
    this.#makeParents(to)
    if (to !== from) this.#forget(to)
    for (const [name, node] of [[from, moving] as const, ...below]) {
      this.#nodes.delete(name)
      this.#nodes.set(to + name.slice(from.length), node)
    }
    this.#tell(from, 'EVENT_TYPE_RENAME')
    this.#tell(to, 'EVENT_TYPE_CREATE')
    return this.stat(destination)
  }

  async remove(path: string): Promise<void> {
    const at = virtualPath(path, '/')
    if (at === '/') throw new EnvdError('permission_denied', 'the root cannot be removed')
    for (const name of [at, ...[...this.#nodes.keys()].filter((name) => isBelow(name, at))]) {
      if (!this.#nodes.has(name)) continue
      this.#forget(name)
      this.#tell(name, 'EVENT_TYPE_REMOVE')
    }
    return Promise.resolve()
  }

  async watch(path: string, recursive: boolean, onEvent: (event: FileEvent) => void): Promise<() => void> {
    const at = virtualPath(path, '/')
    if (this.#node(at).content !== undefined) throw new EnvdError('invalid_argument', `path '${path}' is not a directory`)
    const watcher = (event: FileEvent) => {
      const direct = posix.dirname(event.path) === at
      if (direct || (recursive && isBelow(event.path, at))) onEvent({ ...event, name: posix.relative(at, event.path) })
    }
    this.#watchers.add(watcher)
    return Promise.resolve(() => void this.#watchers.delete(watcher))
  }

  /** Gives the memory back. */
  clear(): void {
    this.#account(-this.#usedBytes)
    this.#nodes.clear()
    this.#watchers.clear()
  }

  #node(at: string): Node {
    const node = at === '/' ? DIRECTORY : this.#nodes.get(at)
    if (node === undefined) throw new EnvdError('not_found', `path '${at}' does not exist`)
    return node
  }

  #makeParents(at: string): void {
    for (let dir = posix.dirname(at); dir !== '/'; dir = posix.dirname(dir)) {
      const there = this.#nodes.get(dir)
      if (there?.content !== undefined) throw new EnvdError('invalid_argument', `path '${dir}' is not a directory`)
      if (there === undefined) this.#nodes.set(dir, { ...DIRECTORY, changedAtMs: Date.now() })
    }
  }

  #forget(at: string): void {
    this.#account(-(this.#nodes.get(at)?.content?.length ?? 0))
    this.#nodes.delete(at)
  }

  #account(bytes: number): void {
    this.#usedBytes += bytes
    this.#space.usedBytes += bytes
  }

  #tell(path: string, type: FileEvent['type']): void {
    for (const watcher of this.#watchers) watcher({ name: '', type, path })
  }
}

const DIRECTORY: Node = { content: undefined, changedAtMs: 0, metadata: {} }
const isBelow = (name: string, dir: string) => name.startsWith(dir === '/' ? '/' : `${dir}/`)
const partsOf = (path: string) => path.split('/').filter((part) => part !== '').length

function entry(path: string, node: Node): EntryInfo {
  const type = node.content === undefined ? 'FILE_TYPE_DIRECTORY' : 'FILE_TYPE_FILE'
  const mode = node.content === undefined ? 0o755 : 0o644
  return {
    name: path === '/' ? '/' : posix.basename(path),
    type,
    path,
    size: String(node.content?.length ?? 0),
    mode,
    permissions: permissionText(mode, type),
    owner: 'user',
    group: 'user',
    modifiedTime: new Date(node.changedAtMs).toISOString(),
    ...(Object.keys(node.metadata).length === 0 ? {} : { metadata: node.metadata }),
  }
}

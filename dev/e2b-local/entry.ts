import type { Stats } from 'node:fs'

/** A file, directory or link as the filesystem service describes it, in Connect's JSON. */
export type EntryInfo = {
  readonly name: string
  readonly type: 'FILE_TYPE_FILE' | 'FILE_TYPE_DIRECTORY' | 'FILE_TYPE_SYMLINK' | 'FILE_TYPE_UNSPECIFIED'
  readonly path: string
  readonly size: string
  readonly mode: number
  readonly permissions: string
  readonly owner: string
  readonly group: string
  readonly modifiedTime: string
  readonly symlinkTarget?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** The permissions as `ls` shows them, for instance `-rw-r--r--`. */
export function permissionText(mode: number, type: EntryInfo['type']): string {
  const bits = [0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001]
  const head = type === 'FILE_TYPE_DIRECTORY' ? 'd' : type === 'FILE_TYPE_SYMLINK' ? 'L' : '-'
  return head + bits.map((bit, index) => ((mode & bit) === 0 ? '-' : 'rwx'.charAt(index % 3))).join('')
}

/** The description of something on disk. Everything belongs to `user`: a sandbox has no other. */
export function entryOf(path: string, stats: Stats, extra: Pick<EntryInfo, 'symlinkTarget' | 'metadata'> = {}): EntryInfo {
  const type = stats.isSymbolicLink()
    ? 'FILE_TYPE_SYMLINK'
    : stats.isDirectory()
      ? 'FILE_TYPE_DIRECTORY'
      : stats.isFile()
        ? 'FILE_TYPE_FILE'
        : 'FILE_TYPE_UNSPECIFIED'
  return {
    name: path === '/' ? '/' : path.slice(path.lastIndexOf('/') + 1),
    type,
    path,
    size: String(stats.size),
    mode: stats.mode & 0o7777,
    permissions: permissionText(stats.mode, type),
    owner: 'user',
    group: 'user',
    modifiedTime: stats.mtime.toISOString(),
    ...extra,
  }
}

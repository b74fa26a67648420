import { watch, type Stats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileEvent, FileEventType } from './backend.ts'

type Seen = { readonly ino: number; readonly mode: number; readonly mtimeMs: number; readonly size: number }

/** Milliseconds to wait for the new name of something that vanished, before it counts as removed. */
const RENAME_WAIT_MS = 20

/** Tells which kind of change turned what was seen into what is there now; undefined when nothing changed. */
export function changeOf(before: Seen | undefined, now: Seen | undefined, movedElsewhere: boolean): FileEventType | undefined {
  if (now === undefined) return before === undefined ? undefined : movedElsewhere ? 'EVENT_TYPE_RENAME' : 'EVENT_TYPE_REMOVE'
  if (before === undefined || before.ino !== now.ino) return 'EVENT_TYPE_CREATE'
  if (before.mtimeMs !== now.mtimeMs || before.size !== now.size) return 'EVENT_TYPE_WRITE'
  return before.mode === now.mode ? undefined : 'EVENT_TYPE_CHMOD'
}

/**
 * Watches a directory on disk. The system only says "something about this name": what it was is found by comparing
 * with what was seen before. Returns the function that ends the watch.
 */
export async function watchDirectory(
  disk: string,
  path: string,
  recursive: boolean,
  onEvent: (event: FileEvent) => void,
): Promise<() => void> {
  const seen = new Map<string, Seen>()
  const watcher = watch(disk, { recursive, persistent: false })
  let work = Promise.resolve()
  const look = async (name: string) => {
    const stats = await lstat(join(disk, name)).catch(() => undefined)
    const now = stats === undefined ? undefined : seenOf(stats)
    const before = seen.get(name)
    if (now === undefined) seen.delete(name)
    else seen.set(name, now)
    if (before !== undefined && now === undefined) await new Promise((resolve) => setTimeout(resolve, RENAME_WAIT_MS))
    const moved = before !== undefined && now === undefined && (await inodes(disk, recursive)).has(before.ino)
    const type = changeOf(before, now, moved)
    if (type === undefined) return
    onEvent({ name, type, path: join(path, name) })
    // A file that is already filled when first seen was created and written.
    if (type === 'EVENT_TYPE_CREATE' && stats?.isFile() === true && stats.size > 0)
      onEvent({ name, type: 'EVENT_TYPE_WRITE', path: join(path, name) })
  }
  watcher.on('change', (_kind, name) => {
    work = work.then(() => look(String(name))).catch(() => undefined)
  })
  watcher.on('error', () => watcher.close())
  for (const [name, one] of await snapshot(disk, recursive)) if (!seen.has(name)) seen.set(name, one)
  return () => watcher.close()
}

const seenOf = (stats: Stats): Seen => ({ ino: stats.ino, mode: stats.mode, mtimeMs: stats.mtimeMs, size: stats.size })

async function snapshot(disk: string, recursive: boolean): Promise<Map<string, Seen>> {
  const names = await readdir(disk, { recursive }).catch(() => [])
  const entries = await Promise.all(
    names.map(async (name) => {
      const stats = await lstat(join(disk, name)).catch(() => undefined)
      return stats === undefined ? [] : [[name, seenOf(stats)] as const]
    }),
  )
  return new Map(entries.flat())
}

async function inodes(disk: string, recursive: boolean): Promise<Set<number>> {
  return new Set([...(await snapshot(disk, recursive)).values()].map((one) => one.ino))
}

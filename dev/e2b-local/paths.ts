import { lstat, realpath } from 'node:fs/promises'
import { dirname, join, posix, relative, sep } from 'node:path'
import { EnvdError } from './errors.ts'

/** A sandbox user's home, as the sandbox sees it. */
export const HOME = '/home/user'

/** The path as the sandbox sees it: absolute and normal; relative ones begin at the home. Refuses to climb above the root. */
export function virtualPath(path: string, root: string): string {
  if (path.includes('\0')) throw new EnvdError('invalid_argument', 'the path contains a NUL')
  if (path.length > 4096) throw new EnvdError('invalid_argument', 'the path is longer than 4096 characters')
  const expanded = path === '~' || path.startsWith('~/') ? HOME + path.slice(1) : path
  // A command sees the true directory in $PWD; what it prints is accepted back.
  const inside = expanded === root || expanded.startsWith(root + sep) ? `/${relative(root, expanded)}` : expanded
  const full = inside.startsWith('/') ? inside : `${HOME}/${inside}`
  let depth = 0
  for (const part of full.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) throw new EnvdError('permission_denied', `path ${JSON.stringify(path)} leads out of the sandbox`)
  }
  const normal = posix.normalize(full)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

/**
 * Where a path of the sandbox is on disk. Refuses one that a link leads out of the sandbox's directory; with `itself`, the
 * last part may be such a link, for it is not followed.
 */
export async function diskPath(path: string, root: string, last: 'followed' | 'itself' = 'followed'): Promise<string> {
  const virtual = virtualPath(path, root)
  const target = virtual === '/' ? root : join(root, virtual)
  await assertInside(last === 'itself' && target !== root ? dirname(target) : target, root)
  return target
}

async function assertInside(target: string, root: string): Promise<void> {
  const realRoot = await realpath(root)
  for (let at = target; ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined)
    if (real !== undefined) {
      if (real === realRoot || real.startsWith(realRoot + sep)) return
      break
    }
    // Nothing there: its directory decides. A link to nothing could be written through, so it is refused.
    const isLink = await lstat(at).then(
      (stat) => stat.isSymbolicLink(),
      () => false,
    )
    if (isLink || at === dirname(at)) break
  }
  throw new EnvdError('permission_denied', `path ${JSON.stringify(relative(root, target))} leads out of the sandbox`)
}

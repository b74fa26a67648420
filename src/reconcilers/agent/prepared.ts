import { createHash, type Hash } from 'node:crypto'
import type { SandboxFile } from '../../e2b/types.ts'

/**
 * Which files are in the sandboxes of the warm pool, so that those that are taken do not get them again. Kept in memory as hashes only:
 * after a restart they are written once more.
 */
export class Prepared {
  readonly #hashes = new Map<string, string>()

  /** These files were written into the sandbox of this agent. */
  remember(uid: string, files: readonly SandboxFile[]): void {
    this.#hashes.set(uid, hashOf(files))
  }

  /** Exactly these files are known to be in it. */
  has(uid: string, files: readonly SandboxFile[]): boolean {
    const known = this.#hashes.get(uid)
    return known !== undefined && known === hashOf(files)
  }

  /** The agent has been started, or is gone. */
  forget(uid: string): void {
    this.#hashes.delete(uid)
  }
}

function hashOf(files: readonly SandboxFile[]): string {
  const hash = createHash('sha256')
  for (const { path, content } of files) {
    update(hash, path)
    update(hash, content)
  }
  return hash.digest('base64')
}

/** Each part with its length before it, so that no two lists of parts are alike. */
function update(hash: Hash, part: SandboxFile['content']): void {
  const bytes = typeof part === 'string' ? Buffer.from(part) : part
  hash.update(`${bytes.byteLength}:`).update(bytes)
}

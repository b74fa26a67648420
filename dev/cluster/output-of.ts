import { execFileSync } from 'node:child_process'

const PATIENCE_MS = 10_000

/** What a command prints; undefined when there is no such command, it fails, or it hangs. */
export function outputOf(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: PATIENCE_MS })
  } catch {
    return undefined
  }
}

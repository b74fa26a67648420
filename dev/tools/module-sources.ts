import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { promisify } from 'node:util'

const LIMIT_MS = 5 * 60_000

/** The directory with the sources of a Go module such as `example.org/thing@v1.2.3`, which the module cache keeps. */
export async function moduleSources(module: string): Promise<string> {
  const options = { cwd: homedir(), env: { ...process.env, GOWORK: 'off', GOFLAGS: '' }, timeout: LIMIT_MS }
  // What goes wrong is in the answer, too, which is printed in any case.
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module], options).catch(
    (error: { stdout?: string; message?: string }) => ({ stdout: error.stdout || JSON.stringify({ Error: error.message }) }),
  )
  const { Dir, Error: problem } = JSON.parse(stdout) as { Dir?: string; Error?: string }
  if (Dir === undefined) throw new Error(`the Go module ${module} cannot be had: ${problem ?? 'unknown'}`)
  return Dir
}

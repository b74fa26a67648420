import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Runs kubectl and returns what it prints; throws with its own words when it fails. */
export async function kubectl(...args: string[]): Promise<string> {
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error) =>
      reject(new Error(`kubectl cannot be run (${error.message}); install it: https://kubernetes.io/docs/tasks/tools/`)),
    )
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${errors.trim() || output.trim()}`)
  return output
}

/** Shows a command as a user would type it, runs it, and shows what it prints. */
export async function show(...args: string[]): Promise<void> {
  console.log(`\n  $ kubectl ${args.map((a) => (/[\s{}"[\]*?]/.test(a) ? `'${a}'` : a)).join(' ')}`)
  const output = await kubectl(...args)
  for (const line of output.trimEnd().split('\n')) console.log(`  ${line}`)
}

/** Runs a kubectl that goes on, and hands over each line that it prints. The returned function ends it. */
export function watch(args: readonly string[], onLine: (line: string) => void): () => Promise<void> {
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'close')
  createInterface(child.stdout).on('line', onLine)
  return async () => {
    child.kill()
    await gone
  }
}

/** A heading of the demo. */
export function step(title: string): void {
  console.log(
    `\n${process.stdout.isTTY ? '\u001b[1m' : ''}── ${title} ${'─'.repeat(Math.max(0, 90 - title.length))}${process.stdout.isTTY ? '\u001b[0m' : ''}`,
  )
}

/** Waits until `look` returns something, looking again four times a second; gives up after `ms`. */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, ms = 60_000): Promise<T> {
  const end = Date.now() + ms
  while (Date.now() < end) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  throw new Error(`gave up waiting: ${what} (${ms / 1000} s)`)
}

import type { CommandHandle, Sandbox } from 'e2b'
import { nameOf } from './errors.ts'

/** A command that a person runs in a sandbox beside the agent. What it says is passed on as text, and waits for who takes it. */
export type Run = {
  readonly command: string
  readonly input?: AsyncIterable<Uint8Array> | undefined
  readonly stdout: (text: string) => void | Promise<void>
  readonly stderr: (text: string) => void | Promise<void>
  /** Its end ends the command. */
  readonly signal: AbortSignal
  /** It is ended after this time, also when nobody is there any more to do it. Milliseconds. */
  readonly timeoutMs?: number
}

/** Columns and rows of a terminal. */
export type Size = { readonly cols: number; readonly rows: number }

/** A command with a terminal of its own. `onSize` tells of another size, and gives a function that ends that. */
export type TerminalRun = {
  readonly command: string
  readonly size: Size
  readonly onSize: (listener: (size: Size) => void) => () => void
  readonly input: AsyncIterable<Uint8Array>
  readonly output: (bytes: Uint8Array) => void | Promise<void>
  readonly signal: AbortSignal
}

/** What envd tells of a command that a signal ended is no exit code; shells give 128 and the signal, and it is SIGKILL as a rule. */
const KILLED = 137

/** Longest wait for the start of a command and for each of its inputs, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000

/** Runs a command to its end; gives its exit code. */
export async function run(sandbox: Sandbox, { command, input, stdout, stderr, signal, timeoutMs = 0 }: Run): Promise<number> {
  const handle = await sandbox.commands.run(command, {
    background: true,
    timeoutMs,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    stdin: input !== undefined,
    onStdout: stdout,
    onStderr: stderr,
  })
  if (input)
    void pump(
      input,
      async (bytes) => handle.sendStdin(bytes),
      () => handle.closeStdin(),
    )
  return endOf(handle, signal)
}

/** Where the output of the command begins: what the login shell and the line that is typed into it show comes before. */
const BEGIN = Buffer.from([1, 2])

/** Typed into the login shell of a new terminal; the words of the command come in a variable, since a line has a limit. */
const TYPED = ` c=$SWARM_EXEC; unset SWARM_EXEC; printf '\\001\\002'; eval "$c"; exit\n`

/** Runs a command in a terminal to its end; gives its exit code. */
export async function runInTerminal(sandbox: Sandbox, { command, size, onSize, input, output, signal }: TerminalRun): Promise<number> {
  let before: Buffer | undefined = Buffer.alloc(0)
  const handle = await sandbox.pty.create({
    ...size,
    envs: { SWARM_EXEC: command },
    timeoutMs: 0,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    onData: (bytes) => {
      if (!before) return output(bytes)
      before = Buffer.concat([before, bytes])
      const at = before.indexOf(BEGIN)
      if (at < 0) return undefined
      const rest = before.subarray(at + BEGIN.length)
      before = undefined
      return rest.length > 0 ? output(rest) : undefined
    },
  })
  const type = async (bytes: Uint8Array) => sandbox.pty.sendInput(handle.pid, bytes, { requestTimeoutMs: REQUEST_TIMEOUT_MS })
  await type(Buffer.from(TYPED))
  void pump(input, type, () => Promise.resolve())
  const forget = onSize((now) => void sandbox.pty.resize(handle.pid, now).catch(() => undefined)) // the next size may do
  try {
    return await endOf(handle, signal)
  } finally {
    forget()
  }
}

/** Brings input to a command. A command that has ended takes no more of it: its end is told elsewhere. */
async function pump(input: AsyncIterable<Uint8Array>, send: (bytes: Uint8Array) => Promise<void>, close: () => Promise<void>) {
  try {
    for await (const bytes of input) await send(bytes)
    await close()
  } catch {
    // it has ended, or the sandbox is out of reach, which its output tells as well
  }
}

async function endOf(handle: CommandHandle, signal: AbortSignal): Promise<number> {
  const kill = () => void handle.kill().catch(() => handle.disconnect())
  if (signal.aborted) kill()
  else signal.addEventListener('abort', kill, { once: true })
  try {
    const { exitCode } = await handle.wait()
    return exitCode
  } catch (error) {
    const code = handle.exitCode
    if (nameOf(error) !== 'CommandExitError' || code === undefined) throw error
    return code < 0 ? KILLED : code
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

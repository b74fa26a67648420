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

/** Longest wait for its end when somebody asks for that, in milliseconds: the person who asked waits as well. */
const KILL_TIMEOUT_MS = 5_000

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
  const fed = input && feed(input, { send: async (bytes) => handle.sendStdin(bytes), close: async () => handle.closeStdin() })
  return endOf(handle, { signal, fed, sandbox })
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
  const typed = async () => {
    await type(Buffer.from(TYPED)).catch(refuseInput)
    await feed(input, { send: type, close: () => Promise.resolve() })
  }
  const forget = onSize((now) => void sandbox.pty.resize(handle.pid, now).catch(() => undefined)) // the next size may do
  try {
    return await endOf(handle, { signal, fed: typed(), sandbox })
  } finally {
    forget()
  }
}

/** Input did not reach a command that still ran; what of it has come through nobody knows, so the command was ended. */
export class InputError extends Error {}

/** How the `e2b` package begins the message of what envd answers with the code `internal`. */
const INTERNAL = '13:'

/** A command that has ended, or has closed its input, takes no more of it, which is no failure. Throws an InputError for anything else. */
function refuseInput(cause: unknown): void {
  if (nameOf(cause) === 'NotFoundError' || (cause instanceof Error && cause.message.startsWith(INTERNAL))) return
  throw new InputError('input did not reach the command', { cause })
}

type Way = { readonly send: (bytes: Uint8Array) => Promise<void>; readonly close: () => Promise<void> }

/** Brings input to a command. Throws an InputError when some of it gets lost. */
async function feed(input: AsyncIterable<Uint8Array>, { send, close }: Way): Promise<void> {
  try {
    for await (const bytes of input) await send(bytes)
    await close()
  } catch (error) {
    refuseInput(error)
  }
}

type End = { readonly signal: AbortSignal; readonly fed: Promise<void> | undefined; readonly sandbox: Sandbox }

/** Waits for the end of a command, which the end of `signal` and lost input bring about. Gives its exit code. */
async function endOf(handle: CommandHandle, { signal, fed, sandbox }: End): Promise<number> {
  const kill = () => void sandbox.commands.kill(handle.pid, { requestTimeoutMs: KILL_TIMEOUT_MS }).catch(async () => handle.disconnect())
  const lost = Promise.withResolvers<never>()
  fed?.catch(lost.reject)
  if (signal.aborted) kill()
  else signal.addEventListener('abort', kill, { once: true })
  try {
    const { exitCode } = await Promise.race([handle.wait(), lost.promise])
    return exitCode
  } catch (error) {
    if (error instanceof InputError) kill()
    const code = handle.exitCode
    if (nameOf(error) !== 'CommandExitError' || code === undefined) throw error
    return code < 0 ? KILLED : code
  } finally {
    signal.removeEventListener('abort', kill)
  }
}

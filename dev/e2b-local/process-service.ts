import type { Command, CommandEnd, OutputKind, StartCommand } from './command.ts'
import { EnvdError } from './errors.ts'
import { fieldsOf, integerOf, textListOf, textMapOf, textOf, type Fields } from './input.ts'
import type { Sandbox } from './sandbox.ts'
import type { MessageStream } from './message-stream.ts'

/** Answers one unary call of `process.Process`; undefined when there is no such method. */
export async function processCall(sandbox: Sandbox, method: string, message: Fields): Promise<unknown> {
  switch (method) {
    case 'List':
      return {
        processes: [...sandbox.backend.commands.running].map(({ pid, tag, config }) => ({
          config,
          pid,
          ...(tag === undefined ? {} : { tag }),
        })),
      }
    case 'SendInput':
      return sendInput(sandbox, message)
    case 'SendSignal':
      return sendSignal(sandbox, message)
    case 'CloseStdin':
      selected(sandbox, message).closeStdin()
      return {}
    case 'Update':
      return update(sandbox, message)
    default:
      throw new EnvdError('unimplemented', `process.Process has no method ${method}`, 404)
  }
}

/** `Start`: runs a command and streams what it does. The command outlives the stream, unless its time is up. */
export async function startProcess(sandbox: Sandbox, message: Fields, stream: MessageStream): Promise<void> {
  const command = await sandbox.backend.start(startRequest(message, stream.timeoutMs))
  follow(command, stream)
}

/** `Connect`: streams what a command does from now on; for one that ended already, how it ended. */
export function connectProcess(sandbox: Sandbox, message: Fields, stream: MessageStream): void {
  follow(sandbox.backend.commands.find(selectorOf(message), 'ended'), stream)
}

function follow(command: Command, stream: MessageStream): void {
  stream.send({ event: { start: { pid: command.pid } } })
  const subscription = command.output.subscribe({
    data: (kind: OutputKind, bytes: Buffer) => stream.send({ event: { data: { [kind]: bytes.toString('base64') } } }),
    end: (end: CommandEnd) => {
      if (command.timedOut) return stream.end(new EnvdError('deadline_exceeded', 'the command ran longer than its timeout and was killed'))
      stream.send({ event: { end } })
      stream.end()
    },
  })
  stream.onDrain(() => subscription.resume())
  stream.onClose(() => subscription.close())
  stream.keepAlive({ event: { keepalive: {} } })
}

function startRequest(message: Fields, timeoutMs: number | undefined): StartCommand {
  const config = fieldsOf(message['process'])
  const cmd = textOf(config['cmd'])
  if (cmd === undefined || cmd === '') throw new EnvdError('invalid_argument', 'process.cmd is required')
  const args = textListOf(config['args'])
  if ([cmd, ...args].some((word) => word.includes('\0'))) throw new EnvdError('invalid_argument', 'a command contains a NUL')
  const cwd = textOf(config['cwd'])
  const size = message['pty'] === undefined ? undefined : fieldsOf(fieldsOf(message['pty'])['size'])
  return {
    config: { cmd, args, envs: textMapOf(config['envs']), ...(cwd === undefined || cwd === '' ? {} : { cwd }) },
    tag: textOf(message['tag']),
    stdin: message['stdin'] !== false,
    pty: size === undefined ? undefined : { cols: integerOf(size['cols']) ?? 80, rows: integerOf(size['rows']) ?? 24 },
    timeoutMs,
  }
}

function selectorOf(message: Fields): { pid: number | undefined; tag: string | undefined } {
  const selector = fieldsOf(message['process'])
  const pid = integerOf(selector['pid'])
  const tag = textOf(selector['tag'])
  if (pid === undefined && tag === undefined) throw new EnvdError('invalid_argument', 'process must select by pid or tag')
  return { pid, tag }
}

const selected = (sandbox: Sandbox, message: Fields) => sandbox.backend.commands.find(selectorOf(message))

async function sendInput(sandbox: Sandbox, message: Fields): Promise<unknown> {
  const command = selected(sandbox, message)
  const input = fieldsOf(message['input'])
  const kind = input['pty'] === undefined ? 'stdin' : 'pty'
  // An empty payload is left out of the JSON.
  await command.write(kind, Buffer.from(textOf(input[kind]) ?? '', 'base64'))
  return {}
}

function sendSignal(sandbox: Sandbox, message: Fields): unknown {
  const command = selected(sandbox, message)
  const { signal } = message
  if (signal === 'SIGNAL_SIGKILL' || signal === 9) command.signal('SIGKILL')
  else if (signal === 'SIGNAL_SIGTERM' || signal === 15) command.signal('SIGTERM')
  else throw new EnvdError('invalid_argument', 'signal must be SIGNAL_SIGTERM or SIGNAL_SIGKILL')
  return {}
}

function update(sandbox: Sandbox, message: Fields): unknown {
  const command = selected(sandbox, message)
  if (message['pty'] === undefined) return {}
  const size = fieldsOf(fieldsOf(message['pty'])['size'])
  command.resize(integerOf(size['cols']) ?? 0, integerOf(size['rows']) ?? 0)
  return {}
}

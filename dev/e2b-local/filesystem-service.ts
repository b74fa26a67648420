import { randomUUID } from 'node:crypto'
import type { FileEvent } from './backend.ts'
import { EnvdError } from './errors.ts'
import { integerOf, textOf, type Fields } from './input.ts'
import { WATCHERS_PER_SANDBOX } from './limits.ts'
import type { MessageStream } from './message-stream.ts'
import type { PolledWatcher, Sandbox } from './sandbox.ts'

/** Events that a polled watcher holds until they are fetched. */
const POLLED_EVENTS = 10_000

/** Answers one unary call of `filesystem.Filesystem`. */
export async function filesystemCall(sandbox: Sandbox, method: string, message: Fields): Promise<unknown> {
  const { files } = sandbox.backend
  switch (method) {
    case 'Stat':
      return { entry: await files.stat(pathOf(message, 'path')) }
    case 'MakeDir':
      return { entry: await files.makeDir(pathOf(message, 'path')) }
    case 'Move':
      return { entry: await files.move(pathOf(message, 'source'), pathOf(message, 'destination')) }
    case 'ListDir':
      return { entries: await files.list(textOf(message['path']) ?? '', integerOf(message['depth']) ?? 1) }
    case 'Remove':
      await files.remove(pathOf(message, 'path'))
      return {}
    case 'CreateWatcher':
      return createWatcher(sandbox, message)
    case 'GetWatcherEvents':
      return { events: polled(sandbox, message).events.splice(0) }
    case 'RemoveWatcher':
      polled(sandbox, message).stop()
      sandbox.polled.delete(textOf(message['watcherId']) ?? '')
      return {}
    default:
      throw new EnvdError('unimplemented', `filesystem.Filesystem has no method ${method}`, 404)
  }
}

/** `WatchDir`: streams the changes in a directory until the client goes or its time is up. */
export async function watchDir(sandbox: Sandbox, message: Fields, stream: MessageStream): Promise<void> {
  const stop = await watch(sandbox, message, (event) => stream.send({ filesystem: event }))
  stream.send({ start: {} })
  const timer =
    stream.timeoutMs === undefined
      ? undefined
      : setTimeout(() => stream.end(new EnvdError('deadline_exceeded', 'the watch reached its timeout')), stream.timeoutMs)
  stream.onClose(() => {
    clearTimeout(timer)
    stop()
  })
  stream.keepAlive({ keepalive: {} })
}

async function watch(sandbox: Sandbox, message: Fields, onEvent: (event: unknown) => void): Promise<() => void> {
  if (sandbox.watchers >= WATCHERS_PER_SANDBOX)
    throw new EnvdError('resource_exhausted', `${WATCHERS_PER_SANDBOX} watchers are active already`)
  sandbox.watchers++
  const { files } = sandbox.backend
  const report = async ({ name, type, path }: FileEvent) => {
    const isThere = type !== 'EVENT_TYPE_REMOVE' && type !== 'EVENT_TYPE_RENAME'
    const entry = message['includeEntry'] === true && isThere ? await files.stat(path).catch(() => undefined) : undefined
    onEvent({ name, type, ...(entry === undefined ? {} : { entry }) })
  }
  let order = Promise.resolve()
  const inOrder = (event: FileEvent) => void (order = order.then(async () => report(event)))
  try {
    const stop = await files.watch(pathOf(message, 'path'), message['recursive'] === true, inOrder)
    return () => {
      sandbox.watchers--
      stop()
    }
  } catch (error) {
    sandbox.watchers--
    throw error
  }
}

async function createWatcher(sandbox: Sandbox, message: Fields): Promise<unknown> {
  const events: unknown[] = []
  const stop = await watch(sandbox, message, (event) => {
    if (events.length < POLLED_EVENTS) events.push(event)
  })
  const watcherId = randomUUID()
  sandbox.polled.set(watcherId, { events, stop })
  return { watcherId }
}

function polled(sandbox: Sandbox, message: Fields): PolledWatcher {
  const id = textOf(message['watcherId']) ?? ''
  const found = sandbox.polled.get(id)
  if (found === undefined) throw new EnvdError('not_found', `watcher ${JSON.stringify(id)} not found`)
  return found
}

function pathOf(message: Fields, field: string): string {
  const path = textOf(message[field])
  if (path === undefined || path === '') throw new EnvdError('invalid_argument', `${field} is required`)
  return path
}

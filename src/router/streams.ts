import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { LAST_BYTES_MS, MAX_BEHIND_BYTES } from './limits.ts'

/** Whether a stream takes more. It does not once it has ended, whoever ended it; a reader that is too far behind is cut off. */
export function takesMore(response: ServerResponse): boolean {
  if (response.writableEnded || response.destroyed) return false
  if (response.writableLength <= MAX_BEHIND_BYTES) return true
  response.req.socket.destroy() // not the answer only: one that waits behind another on its connection has none of its own
  return false
}

/** Ends a stream, with some last words; a reader that does not take them is cut off. */
export function endStream(response: ServerResponse, last = ''): void {
  if (response.writableEnded || response.destroyed) return
  response.end(last)
  const timer = cutOffSoon(response.req.socket)
  response.on('close', () => clearTimeout(timer))
}

/** Ends a connection with a last answer, which its client need not take. */
export function endConnection(socket: Socket, last: string): void {
  socket.end(last)
  const timer = cutOffSoon(socket)
  socket.on('close', () => clearTimeout(timer))
}

const cutOffSoon = (socket: Socket) => setTimeout(() => socket.destroy(), LAST_BYTES_MS).unref()

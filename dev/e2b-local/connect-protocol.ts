import { EnvdError } from './errors.ts'

const COMPRESSED = 0b01
const END_OF_STREAM = 0b10
const HEAD_BYTES = 5

/** One message of a Connect stream: flags, length, JSON. */
export function frame(message: unknown): Buffer {
  return envelope(0, message)
}

/** The last frame of a Connect stream; with an error, its code and message. */
export function endFrame(error?: EnvdError): Buffer {
  return envelope(END_OF_STREAM, error === undefined ? {} : { error: { code: error.code, message: error.message } })
}

function envelope(flags: number, message: unknown): Buffer {
  const body = JSON.stringify(message)
  const bytes = Buffer.byteLength(body)
  const buffer = Buffer.allocUnsafe(HEAD_BYTES + bytes)
  buffer.writeUInt8(flags, 0)
  buffer.writeUInt32BE(bytes, 1)
  buffer.write(body, HEAD_BYTES)
  return buffer
}

/** The one message that a server-streaming request carries in its body. */
export function readFrame(body: Buffer): unknown {
  if (body.length < HEAD_BYTES) throw new EnvdError('invalid_argument', 'the request body is shorter than one frame head')
  if ((body.readUInt8(0) & COMPRESSED) !== 0) throw new EnvdError('unimplemented', 'compressed frames are not supported')
  const bytes = body.readUInt32BE(1)
  if (body.length !== HEAD_BYTES + bytes)
    throw new EnvdError('invalid_argument', `the frame announces ${bytes} bytes but ${body.length - HEAD_BYTES} follow`)
  return readJson(body.subarray(HEAD_BYTES))
}

/** A JSON object from bytes, or a clear refusal. */
export function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new EnvdError('invalid_argument', 'the message is not valid JSON')
  }
}

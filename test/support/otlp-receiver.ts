import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as textOf, buffer } from 'node:stream/consumers'

/** A span as a collector gets it. `kind` 2 is a server, 3 a client; `error` is the message of a failed one. */
export type ReceivedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly name: string
  readonly kind: number
  readonly attributes: Readonly<Record<string, string | number>>
  readonly error: string | undefined
  readonly resource: Readonly<Record<string, string | number>>
}

/** Takes traces over OTLP/HTTP with protobuf, as a collector does. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = []
  readonly authorizations: (string | undefined)[] = []
  /** What is answered. */
  status = 200
  #server: Server | undefined
  url = ''

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      void this.#take(request).then(() => response.writeHead(this.status).end())
    })
    await new Promise<void>((resolve) => this.#server?.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections()
    await new Promise((resolve) => this.#server?.close(resolve))
  }

  async #take(request: IncomingMessage): Promise<void> {
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') return void (await textOf(request))
    this.authorizations.push(request.headers.authorization)
    const body = await buffer(request)
    if (this.status === 200) this.spans.push(...spansOf(body))
  }
}

/** The fields of opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest that tests look at. */
function spansOf(body: Buffer): ReceivedSpan[] {
  return messages(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1)[0] ?? Buffer.of(), 1)
    return messages(resourceSpans, 2)
      .flatMap((scope) => messages(scope, 2))
      .map((span) => spanOf(span, resource))
  })
}

function spanOf(span: Buffer, resource: ReceivedSpan['resource']): ReceivedSpan {
  const hex = (field: number) => messages(span, field)[0]?.toString('hex') ?? ''
  const status = messages(span, 15)[0] ?? Buffer.of()
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentId: hex(4),
    name: messages(span, 5)[0]?.toString() ?? '',
    kind: Number(number(span, 6) ?? 0),
    attributes: attributesOf(span, 9),
    error: number(status, 3) === 2n ? messages(status, 2)[0]?.toString() : undefined,
    resource,
  }
}

function attributesOf(message: Buffer, field: number): Record<string, string | number> {
  const pairs = messages(message, field).map((pair) => {
    const value = messages(pair, 2)[0] ?? Buffer.of()
    const [double] = fields(value).filter(({ tag }) => tag === 4)
    const found = messages(value, 1)[0]?.toString() ?? (double ? double.bytes.readDoubleLE() : Number(number(value, 3) ?? 0))
    return [messages(pair, 1)[0]?.toString() ?? '', found] as const
  })
  return Object.fromEntries(pairs)
}

const messages = (message: Buffer, field: number) =>
  fields(message).flatMap(({ tag, bytes, wire }) => (tag === field && wire === 2 ? [bytes] : []))
const number = (message: Buffer, field: number) => fields(message).find(({ tag, wire }) => tag === field && wire === 0)?.value

type Field = { readonly tag: number; readonly wire: number; readonly bytes: Buffer; readonly value: bigint }

/** The fields of a message in protobuf's wire format (https://protobuf.dev/programming-guides/encoding). */
function fields(message: Buffer): Field[] {
  const found: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const key = Number(varint())
    const [tag, wire] = [key >> 3, key & 7]
    if (wire === 0) found.push({ tag, wire, value: varint(), bytes: Buffer.of() })
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : Number(varint())
      found.push({ tag, wire, value: 0n, bytes: message.subarray(at, at + length) })
      at += length
    }
  }
  return found
}

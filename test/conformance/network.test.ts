import { expect } from 'chai'
import type { Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { eventually } from '../support/wait.ts'
import { ask, openTarget, PORT, serve, type PortRequest, type Target } from './target.ts'

/** Answers with what it was asked; streams, hashes and upgrades on request. */
const SERVER = `
import { createServer } from 'node:http'
import { createHash } from 'node:crypto'
let release = () => {}
const server = createServer(async (req, res) => {
  const path = req.url.split('?')[0]
  if (path === '/sse') {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: first\\n\\n')
    await new Promise((resolve) => (release = resolve))
    res.end('data: second\\n\\n')
  } else if (path === '/release') {
    release()
    res.end()
  } else if (path === '/hash') {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of req) { hash.update(chunk); bytes += chunk.length }
    res.end(JSON.stringify({ bytes, sha256: hash.digest('hex') }))
  } else if (path === '/big') {
    res.end(Buffer.alloc(30_000_000, 'abc'))
  } else if (path === '/status') {
    res.writeHead(418, 'Teapot', [['set-cookie', 'a=1'], ['set-cookie', 'b=2'], ['x-odd', 'caf\\u00e9']])
    res.end('short')
  } else {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body, port: process.env.PORT }))
  }
})
server.on('upgrade', (req, socket) => {
  const key = req.headers['sec-websocket-key']
  const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  socket.pipe(socket)
})
server.listen(process.env.PORT)
`

describe('the ports of a sandbox', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
    await serve(target, sandbox, SERVER)
  })
  after(() => target.stop())

  type Echo = { method: string; url: string; headers: Record<string, string>; body: string }
  const echo = async (path: string, init: PortRequest = {}) => (await (await ask(target, sandbox, path, init)).json()) as Echo

  it('get requests as they were sent', async () => {
    const path = '/a%20b/../c?q=%26&r=a+b&&empty='
    const { url } = target.portOf(sandbox, PORT)
    const direct = await echo('/c?q=%26&r=a+b&&empty=')
    expect(direct.url).to.equal('/c?q=%26&r=a+b&&empty=')
    expect((await raw(url, { path })).body).to.contain(JSON.stringify(path))
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE']) {
      const seen = await echo('/x', { method, body: `body of ${method}`, headers: { 'x-own': 'value', 'content-type': 'text/odd' } })
      expect([seen.method, seen.body, seen.headers['x-own'], seen.headers['content-type']]).to.deep.equal([
        method,
        `body of ${method}`,
        'value',
        'text/odd',
      ])
    }
  })

  it('do not get the headers that were for the way to them', async () => {
    const { headers } = await echo('/')
    expect(Object.keys(headers).filter((name) => name.startsWith('e2b-'))).to.deep.equal([])
  })

  it('give answers back as they are', async () => {
    const response = await ask(target, sandbox, '/status')
    expect([response.status, response.statusText, response.headers.getSetCookie()]).to.deep.equal([418, 'Teapot', ['a=1', 'b=2']])
    expect([response.headers.get('x-odd'), await response.text()]).to.deep.equal(['café', 'short'])
    const head = await ask(target, sandbox, '/', { method: 'HEAD' })
    expect([head.status, await head.text()]).to.deep.equal([200, ''])
  })

  it('give answers back piece by piece, as they are written', async () => {
    const response = await ask(target, sandbox, '/sse')
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
    // The second piece is only written once the first has been seen.
    expect(await read()).to.equal('data: first\n\n')
    await ask(target, sandbox, '/release')
    expect(await read()).to.equal('data: second\n\n')
    expect((await reader.read()).done).to.equal(true)
  })

  it('take 25 MB and give 30 MB', async () => {
    const bytes = randomBytes(25_000_000)
    const response = await ask(target, sandbox, '/hash', { method: 'POST', body: bytes })
    expect(await response.json()).to.deep.equal({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    expect((await (await ask(target, sandbox, '/big')).arrayBuffer()).byteLength).to.equal(30_000_000)
  })

  it('take a body whose length nobody knows', async () => {
    const body = new Blob(['one ', 'two ', 'three']).stream()
    const response = await ask(target, sandbox, '/', { method: 'POST', body, duplex: 'half' })
    expect(((await response.json()) as Echo).body).to.equal('one two three')
  })

  it('survive clients that go in the middle of an answer', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const abort = new AbortController()
        const response = await ask(target, sandbox, '/big', { signal: abort.signal })
        await response.body?.getReader().read()
        abort.abort()
      }),
    )
    expect((await ask(target, sandbox)).status).to.equal(200)
  })

  it('can be upgraded to a websocket', async () => {
    const { url, headers } = target.portOf(sandbox, PORT)
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers })
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', () => reject(new Error('the websocket did not open')))
    })
    socket.close()
    expect(socket.protocol).to.equal('')
  })

  it('pass bytes both ways after an upgrade', async () => {
    const { url } = target.portOf(sandbox, PORT)
    const answer = await raw(url, {
      path: '/',
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version': '13',
      },
      afterUpgrade: 'ping over the wire',
    })
    expect(answer).to.deep.equal({ status: 101, accept: 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', body: 'ping over the wire' })
  })

  it('on which nobody listens are refused with a clear message', async () => {
    const response = await ask(target, sandbox, '/', { port: 9_999 })
    expect(response.status).to.equal(502)
    expect(await response.json()).to.deep.include({
      sandboxId: sandbox.sandboxId,
      message: 'The sandbox is running but port is not open',
      port: 9_999,
      code: 502,
    })
  })

  it('of a sandbox that is gone are refused with a clear message', async () => {
    const gone = await target.create()
    await gone.kill()
    const response = await eventually('it is refused', async () => {
      const answer = await ask(target, gone)
      return answer.status === 502 && answer
    })
    expect(await response.json()).to.deep.include({ sandboxId: gone.sandboxId, message: 'The sandbox was not found', code: 502 })
  })

  it('are each sandbox’s own: ten that listen on the same number run side by side', async () => {
    const program = `import { createServer } from 'node:http'
      createServer((req, res) => res.end(process.env.E2B_SANDBOX_ID ?? '')).listen(process.env.PORT)`
    const sandboxes = await Promise.all(Array.from({ length: 10 }, async () => target.create()))
    await Promise.all(sandboxes.map(async (one) => serve(target, one, program)))
    const answers = await Promise.all(sandboxes.map(async (one) => (await ask(target, one)).text()))
    expect(answers).to.deep.equal(sandboxes.map((one) => one.sandboxId))
  })

  it('may be several in one sandbox', async () => {
    const own = await target.create()
    await serve(target, own, SERVER, 3_000)
    await serve(target, own, SERVER, 3_001)
    for (const port of [3_000, 3_001]) expect((await ask(target, own, '/', { port })).status).to.equal(200)
  })

  it('open again when a program that ended is started again', async () => {
    const own = await target.create()
    const stopping = `import { createServer } from 'node:http'
      createServer((req, res) => { res.end(); if (req.url === '/stop') process.exit(0) }).listen(process.env.PORT)`
    await serve(target, own, stopping)
    await ask(target, own, '/stop').catch(() => undefined)
    await eventually('the port is closed', async () => (await ask(target, own)).status === 502)
    await serve(target, own, stopping)
    expect((await ask(target, own)).status).to.equal(200)
  })

  type Raw = { path: string; headers?: Record<string, string>; afterUpgrade?: string }

  /** A request whose path and headers are sent as they are. */
  async function raw(url: string, { path, headers = {}, afterUpgrade }: Raw): Promise<{ status: number; accept?: string; body: string }> {
    return new Promise((resolve, reject) => {
      const make = url.startsWith('https') ? secureRequest : request
      const sent = make(url, { path, headers: { ...target.portOf(sandbox, PORT).headers, ...headers } }, async (response) => {
        let body = ''
        for await (const chunk of response) body += String(chunk)
        resolve({ status: response.statusCode ?? 0, body })
      })
      sent.on('upgrade', (response, socket, head) => {
        let body = head.toString()
        socket.on('data', (chunk: Buffer) => {
          body += chunk.toString()
          if (body.length < (afterUpgrade ?? '').length) return
          socket.destroy()
          resolve({ status: response.statusCode ?? 0, accept: String(response.headers['sec-websocket-accept']), body })
        })
        socket.write(afterUpgrade ?? '')
      })
      sent.on('error', reject)
      sent.end()
    })
  }
})

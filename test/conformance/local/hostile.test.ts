import { expect } from 'chai'
import type { Sandbox } from 'e2b'
import { after, afterEach, before, describe, it } from 'mocha'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { frame } from '../../../dev/e2b-local/connect-protocol.ts'
import { eventually } from '../../support/wait.ts'
import { exchange, startLocal, type Local } from './local.ts'

type Answer = { status: number; body: unknown }

describe('hostile requests get a clear answer, and the server goes on', function () {
  this.timeout(60_000)
  let local: Local
  let sandbox: Sandbox
  let token: string
  before(async () => {
    local = await startLocal()
    sandbox = await local.create()
    token = String(((await control('GET', `/sandboxes/${sandbox.sandboxId}`)).body as Record<string, unknown>)['envdAccessToken'])
  })
  afterEach(async () => {
    expect((await sandbox.commands.run('echo still here')).stdout).to.equal('still here\n')
  })
  after(() => local.server.stop())

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(local.server.url + path, init)
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  const control = async (method: string, path: string, body?: string | Buffer): Promise<Answer> =>
    send(path, {
      method,
      headers: { 'x-api-key': local.server.apiKey },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
    })
  const envd = async (
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    headers: Record<string, string> = {},
    method = 'POST',
  ) =>
    send(path, {
      method,
      headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'x-access-token': token, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
    })

  /** The control plane's and the file routes' errors: the code is the status, the message is not empty. */
  function expectRefusal({ status, body }: Answer, wanted: number): void {
    expect([status, (body as Record<string, unknown>)['code']]).to.deep.equal([wanted, wanted])
    expect((body as Record<string, unknown>)['message'])
      .to.be.a('string')
      .and.not.equal('')
  }
  function expectConnectRefusal({ status, body }: Answer, code: string): void {
    expect(status).to.be.at.least(400)
    expect((body as Record<string, unknown>)['code']).to.equal(code)
    expect((body as Record<string, unknown>)['message'])
      .to.be.a('string')
      .and.not.equal('')
  }

  describe('control plane', () => {
    const CREATES: Record<string, { body: string; want: number }> = {
      'not JSON': { body: '{"templateID": "base"', want: 400 },
      'a list': { body: '[]', want: 400 },
      null: { body: 'null', want: 400 },
      'a number': { body: '7', want: 400 },
      'no template': { body: '{}', want: 400 },
      'a template of another type': { body: '{"templateID": 7}', want: 400 },
      'an unknown template': { body: '{"templateID": "../../etc"}', want: 404 },
      'metadata of another type': { body: '{"templateID": "base", "metadata": ["a"]}', want: 400 },
      'metadata with a number': { body: '{"templateID": "base", "metadata": {"a": 1}}', want: 400 },
      'variables with an object': { body: '{"templateID": "base", "envVars": {"a": {}}}', want: 400 },
      'a network of great depth': { body: `{"templateID":"base","network":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`, want: 400 },
      'brackets of great depth': { body: '['.repeat(1_000_000), want: 400 },
      'too much': { body: `{"templateID": "${'x'.repeat(5 * 1024 * 1024)}"}`, want: 413 },
    }
    for (const [name, c] of Object.entries(CREATES))
      it(`create with ${name}`, async () => expectRefusal(await control('POST', '/v2/sandboxes', c.body), c.want))

    for (const timeout of ['-1', '1.5', '"60"', 'null', '1e999', '{}', '[]', 'true', '99999999999999999999', '86401'])
      it(`a timeout of ${timeout}`, async () => {
        const { sandboxId } = sandbox
        expectRefusal(await control('POST', `/sandboxes/${sandboxId}/timeout`, `{"timeout": ${timeout}}`), 400)
        if (timeout === 'null') return // the same as none, for which create and connect have a default
        expectRefusal(await control('POST', '/v2/sandboxes', `{"templateID": "base", "timeout": ${timeout}}`), 400)
        expectRefusal(await control('POST', `/sandboxes/${sandboxId}/connect`, `{"timeout": ${timeout}}`), 400)
      })

    const ROUTES: Record<string, [method: string, path: string, want: number]> = {
      'an unknown route': ['GET', '/nothing', 404],
      'an unknown route below a known one': ['GET', '/sandboxes/i1/nothing', 404],
      'a wrong method': ['PATCH', '/v2/sandboxes', 404],
      'another wrong method': ['DELETE', '/v2/sandboxes', 404],
      'an id with dots': ['GET', '/sandboxes/..%2f..%2fetc', 404],
      'an id that is too long': ['GET', `/sandboxes/${'i'.repeat(129)}`, 404],
      'an id that is none': ['DELETE', '/sandboxes/nothing', 404],
      'a limit of 0': ['GET', '/v2/sandboxes?limit=0', 400],
      'a limit of 101': ['GET', '/v2/sandboxes?limit=101', 400],
      'a limit that is no number': ['GET', '/v2/sandboxes?limit=many', 400],
      'an unknown state': ['GET', '/v2/sandboxes?state=dead', 400],
      'an unknown order': ['GET', '/v2/sandboxes?order=best', 400],
      'a date that is none': ['GET', '/v2/sandboxes?startedAfter=soon', 400],
      'a token that is none': ['GET', '/v2/sandboxes?nextToken=abc', 400],
      'metadata that is not encoded': ['GET', '/v2/sandboxes?metadata=%25E0%25A4', 400],
      'metadata without a value': ['GET', '/v2/sandboxes?metadata=abc', 400],
      'metrics of no time': ['GET', '/sandboxes/{id}/metrics?start=x', 400],
      'metrics of a time that ends before it begins': ['GET', '/sandboxes/{id}/metrics?start=9&end=1', 400],
      'metrics of no sandbox': ['GET', '/sandboxes/metrics', 400],
      'metrics of 101 sandboxes': ['GET', `/sandboxes/metrics?sandbox_ids=${'i,'.repeat(101)}`, 400],
      'unknown administration': ['GET', '/local/secrets', 404],
    }
    for (const [name, [method, path, want]] of Object.entries(ROUTES))
      it(name, async () => expectRefusal(await control(method, path.replace('{id}', sandbox.sandboxId)), want))

    it('prototype keys in metadata are keys like others', async () => {
      const body = '{"templateID":"base","metadata":{"__proto__":"a","constructor":"b"}}'
      const { status, body: created } = await control('POST', '/v2/sandboxes', body)
      expect(status).to.equal(201)
      const { body: seen } = await control('GET', `/sandboxes/${String((created as Record<string, unknown>)['sandboxID'])}`)
      expect(JSON.stringify((seen as Record<string, unknown>)['metadata'])).to.equal('{"__proto__":"a","constructor":"b"}')
    })
  })

  describe('paths', () => {
    const PATHS: Record<string, { path: string; want: number }> = {
      'that climb out': { path: '../../../../etc/passwd', want: 403 },
      'that climb out from the top': { path: '/../etc/passwd', want: 403 },
      'that climb out in the middle': { path: '/home/user/../../../etc/passwd', want: 403 },
      'that are not in the sandbox': { path: '/etc/passwd', want: 404 },
      'with a NUL': { path: 'a\0b', want: 400 },
      'that are too long': { path: 'a/'.repeat(3_000), want: 400 },
      'with a name that is too long': { path: 'a'.repeat(1_000), want: 400 },
      'through a link to a file outside': { path: 'to-passwd', want: 403 },
      'through a link to a directory outside': { path: 'to-etc/passwd', want: 403 },
      'through a link to the root': { path: 'to-root/etc/passwd', want: 403 },
      'through a link to itself': { path: 'to-itself', want: 403 },
      'through a link out to where nothing is': { path: 'to-nothing', want: 403 },
      'below a file': { path: '.profile/x', want: 404 },
      'that are empty': { path: '', want: 400 },
      'to a named pipe': { path: 'pipe', want: 400 },
    }
    before(async () => {
      await sandbox.commands.run(
        'ln -s /etc/passwd to-passwd; ln -s /etc to-etc; ln -s / to-root; ln -s to-itself to-itself; ln -s /tmp/no/such/e2b-file to-nothing; mkfifo pipe',
      )
    })
    for (const [name, { path, want }] of Object.entries(PATHS)) {
      it(`${name} are not read`, async () => {
        const answer = await envd(`/files?path=${encodeURIComponent(path)}`, undefined, {}, 'GET')
        expectRefusal(answer, want)
        expect(JSON.stringify(answer.body)).to.not.contain('e2b-local-')
      })
      if (name === 'that are not in the sandbox') continue // they are made there
      it(`${name} are not written`, async () => {
        const answer = await envd(`/files?path=${encodeURIComponent(path)}`, 'x', { 'content-type': 'application/octet-stream' })
        expect(answer.status).to.be.within(400, 499)
        expectRefusal(answer, answer.status)
      })
    }

    it('that lead out are refused by every call on files', async () => {
      const outside = 'to-etc/e2b-local-was-here'
      const calls: Record<string, object> = {
        Stat: { path: outside },
        MakeDir: { path: outside },
        ListDir: { path: 'to-etc' },
        Remove: { path: outside },
        Move: { source: '.profile', destination: outside },
        CreateWatcher: { path: 'to-etc' },
      }
      for (const [method, message] of Object.entries(calls))
        expectConnectRefusal(await envd(`/filesystem.Filesystem/${method}`, JSON.stringify(message)), 'permission_denied')
      expectConnectRefusal(
        await envd('/filesystem.Filesystem/Move', JSON.stringify({ source: 'to-etc/hosts', destination: 'h' })),
        'permission_denied',
      )
      const start = { process: { cmd: 'true', cwd: 'to-etc' } }
      expect(await streamed('process.Process/Start', frame(start))).to.contain('permission_denied')
    })

    it('of the root itself can be neither removed nor moved', async () => {
      expectConnectRefusal(await envd('/filesystem.Filesystem/Remove', '{"path": "/"}'), 'permission_denied')
      expectConnectRefusal(await envd('/filesystem.Filesystem/Move', '{"source": "/", "destination": "/x"}'), 'invalid_argument')
    })
  })

  async function streamed(method: string, body: Buffer): Promise<string> {
    const response = await fetch(`${local.server.url}/${method}`, {
      method: 'POST',
      headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'x-access-token': token, 'content-type': 'application/connect+json' },
      body: new Uint8Array(body),
    })
    return response.text()
  }

  describe('services', () => {
    const good = frame({ process: { cmd: 'true' } })
    const FRAMES: Record<string, { body: Buffer; want: string }> = {
      'no frame': { body: Buffer.alloc(0), want: 'invalid_argument' },
      'half a head': { body: good.subarray(0, 3), want: 'invalid_argument' },
      'half a message': { body: good.subarray(0, 12), want: 'invalid_argument' },
      'more than was announced': { body: Buffer.concat([good, Buffer.from('x')]), want: 'invalid_argument' },
      'two messages': { body: Buffer.concat([good, good]), want: 'invalid_argument' },
      'a length beyond all bounds': { body: Buffer.from([0, 255, 255, 255, 255, 1]), want: 'invalid_argument' },
      'the flag of compression': { body: Buffer.concat([Buffer.from([1]), good.subarray(1)]), want: 'unimplemented' },
      'no JSON': { body: Buffer.from([0, 0, 0, 0, 3, 0x7b, 0xff, 0x7d]), want: 'invalid_argument' },
      'JSON that is no object': { body: frame([1, 2]), want: 'invalid_argument' },
      'no command': { body: frame({ process: {} }), want: 'invalid_argument' },
      'a command of another type': { body: frame({ process: { cmd: 7 } }), want: 'invalid_argument' },
      'a command with a NUL': { body: frame({ process: { cmd: 'a\0b' } }), want: 'invalid_argument' },
      'a program that is not there': { body: frame({ process: { cmd: '/no/such/program' } }), want: 'invalid_argument' },
      'a variable with a NUL': { body: frame({ process: { cmd: 'true', envs: { A: 'a\0b' } } }), want: 'invalid_argument' },
      'a variable with an odd name': { body: frame({ process: { cmd: 'true', envs: { 'A=B': 'c' } } }), want: 'invalid_argument' },
      'arguments beyond all bounds': { body: frame({ process: { cmd: 'true', args: ['x'.repeat(3_000_000)] } }), want: 'invalid_argument' },
      'a terminal without size': {
        body: frame({ process: { cmd: 'bash' }, pty: { size: { cols: 0, rows: -1 } } }),
        want: 'invalid_argument',
      },
      'too much': { body: frame({ process: { cmd: 'x'.repeat(5 * 1024 * 1024) } }), want: 'resource_exhausted' },
    }
    for (const [name, c] of Object.entries(FRAMES))
      it(`start with ${name}`, async () => expect(await streamed('process.Process/Start', c.body)).to.contain(`"code":"${c.want}"`))

    const CALLS: Record<string, { call: string; body: string; headers?: Record<string, string>; want: string }> = {
      'an unknown method': { call: 'process.Process/Reboot', body: '{}', want: 'unimplemented' },
      'an unknown method of files': { call: 'filesystem.Filesystem/Format', body: '{}', want: 'unimplemented' },
      'no JSON': { call: 'process.Process/List', body: '{', want: 'invalid_argument' },
      'another content type': {
        call: 'process.Process/List',
        body: '',
        headers: { 'content-type': 'application/proto' },
        want: 'invalid_argument',
      },
      'a signal to nobody': { call: 'process.Process/SendSignal', body: '{"signal": "SIGNAL_SIGKILL"}', want: 'invalid_argument' },
      'a signal to someone else': {
        call: 'process.Process/SendSignal',
        body: '{"process": {"pid": 1}, "signal": "SIGNAL_SIGKILL"}',
        want: 'not_found',
      },
      'a negative process': {
        call: 'process.Process/SendSignal',
        body: '{"process": {"pid": -1}, "signal": "SIGNAL_SIGKILL"}',
        want: 'not_found',
      },
      'input for a process that is none': {
        call: 'process.Process/SendInput',
        body: '{"process": {"pid": 1.5}}',
        want: 'invalid_argument',
      },
      'no path': { call: 'filesystem.Filesystem/Stat', body: '{}', want: 'invalid_argument' },
      'a path of another type': { call: 'filesystem.Filesystem/Stat', body: '{"path": {"a": 1}}', want: 'invalid_argument' },
      'a watcher that is none': { call: 'filesystem.Filesystem/GetWatcherEvents', body: '{"watcherId": "x"}', want: 'not_found' },
      'too much': { call: 'filesystem.Filesystem/Stat', body: `{"path": "${'x'.repeat(5 * 1024 * 1024)}"}`, want: 'resource_exhausted' },
    }
    for (const [name, c] of Object.entries(CALLS))
      it(`a call with ${name}`, async () => expectConnectRefusal(await envd(`/${c.call}`, c.body, c.headers), c.want))

    it('a list of great depth ends where the directories do', async () => {
      const answer = await envd('/filesystem.Filesystem/ListDir', '{"path": "/home/user", "depth": 4294967295}')
      expect(answer.status).to.equal(200)
    })

    it('a list by a wrong method', async () => {
      expectConnectRefusal(await envd('/process.Process/List', undefined, {}, 'GET'), 'unimplemented')
      expectRefusal(await envd('/files?path=x', undefined, {}, 'DELETE'), 405)
      expectRefusal(await envd('/nothing', undefined, {}, 'GET'), 404)
    })

    it('more commands than a sandbox may have', async () => {
      const own = await local.create()
      let refusal: unknown
      for (let started = 0; refusal === undefined && started <= 256; started++) {
        const start = own.commands.run('exec sleep 6000', { background: true, timeoutMs: 0 })
        refusal = await start.then(
          async (handle) => handle.disconnect(),
          (error: unknown) => error,
        )
      }
      expect(String(refusal)).to.contain('256 commands are running already')
      await own.kill()
      expect(await local.processes(own)).to.deep.equal([])
    })
  })

  describe('uploads', () => {
    const upload = async (body: Uint8Array<ArrayBuffer> | string, headers: Record<string, string>, path = '?path=upload') =>
      envd(`/files${path}`, body, { 'content-type': 'application/octet-stream', ...headers })

    it('that say they are zipped and are not', async () => {
      expectRefusal(await upload('plain text', { 'content-encoding': 'gzip' }), 400)
    })
    it('that are zipped by half', async () => {
      const zipped = new Uint8Array(gzipSync('x'.repeat(100_000)))
      expectRefusal(await upload(zipped.slice(0, zipped.length - 20), { 'content-encoding': 'gzip' }), 400)
    })
    it('without a path', async () => {
      expectRefusal(await upload('x', {}, ''), 400)
    })

    const FORMS: Record<string, { type: string; body: string }> = {
      'no boundary': { type: 'multipart/form-data', body: 'x' },
      'another boundary': { type: 'multipart/form-data; boundary=a', body: '--b\r\n\r\nx\r\n--b--\r\n' },
      'no end': {
        type: 'multipart/form-data; boundary=a',
        body: '--a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhalf',
      },
      'no part called file': {
        type: 'multipart/form-data; boundary=a',
        body: '--a\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--a--\r\n',
      },
      'no name': {
        type: 'multipart/form-data; boundary=a',
        body: '--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--a--\r\n',
      },
    }
    for (const [name, { type, body }] of Object.entries(FORMS))
      it(`as a form with ${name}`, async () => expectRefusal(await upload(body, { 'content-type': type }, ''), 400))

    it('as a form whose names climb out', async () => {
      const body = '--a\r\nContent-Disposition: form-data; name="file"; filename="../../../../tmp/x"\r\n\r\nx\r\n--a--\r\n'
      expectRefusal(await upload(body, { 'content-type': 'multipart/form-data; boundary=a' }, ''), 403)
    })

    it('that end in the middle leave nothing open', async () => {
      for (const extra of ['', 'Content-Encoding: gzip\r\n']) {
        const head = `POST /files?path=broken HTTP/1.1\r\nHost: x\r\nE2b-Sandbox-Id: ${sandbox.sandboxId}\r\nX-Access-Token: ${token}\r\nContent-Type: application/octet-stream\r\n${extra}Content-Length: 1000000\r\n\r\n`
        const socket = connect(local.server.port, '127.0.0.1', () => socket.write(head + 'part of it'))
        await eventually('the upload has begun', async () => sandbox.files.exists('broken'))
        socket.destroy()
        await sandbox.files.remove('broken')
      }
    })
  })

  describe('bytes that are hardly HTTP', () => {
    const status = async (bytes: string) => {
      const answer = await exchange(local.server.port, bytes, (text) => text.includes('"message"'))
      const body = JSON.parse(answer.slice(answer.indexOf('{'))) as Record<string, unknown>
      expect(body['message']).to.be.a('string')
      return [Number(answer.slice(9, 12)), body['code']]
    }
    const key = () => `Host: x\r\nConnection: close\r\nX-API-Key: ${local.server.apiKey}\r\n`
    const inside = () => `Host: x\r\nConnection: close\r\nE2b-Sandbox-Id: ${sandbox.sandboxId}\r\nX-Access-Token: ${token}\r\n`

    it('no HTTP at all', async () => expect(await status('\u0016\u0003\u0001 TLS?\r\n\r\n')).to.deep.equal([400, 400]))
    it('headers beyond all bounds', async () =>
      expect(await status(`GET / HTTP/1.1\r\n${key()}X-Big: ${'x'.repeat(40_000)}\r\n\r\n`)).to.deep.equal([431, 431]))
    it('two lengths', async () =>
      expect(await status(`POST /v2/sandboxes HTTP/1.1\r\n${key()}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`)).to.deep.equal([
        400, 400,
      ]))
    it('a length that is none', async () =>
      expect(await status(`POST /v2/sandboxes HTTP/1.1\r\n${key()}Content-Length: x\r\n\r\n`)).to.deep.equal([400, 400]))
    it('chunks that are none', async () =>
      expect((await status(`POST /v2/sandboxes HTTP/1.1\r\n${key()}Transfer-Encoding: chunked\r\n\r\nzz\r\n`))[0]).to.equal(400))

    for (const target of ['//', 'http://[', '*', 'http://other/nothing', '/%', '/%zz', '/..//../x'])
      it(`the address ${target}`, async () => {
        expect((await status(`GET ${target} HTTP/1.1\r\n${key()}\r\n`))[0]).to.be.within(400, 404)
        expect((await status(`GET ${target} HTTP/1.1\r\n${inside()}\r\n`))[0]).to.be.within(400, 404)
      })

    for (const port of ['abc', '0', '-1', '65536', '1.5', ''])
      it(`a sandbox port of ${JSON.stringify(port)}`, async () =>
        expect((await status(`GET / HTTP/1.1\r\n${inside()}E2b-Sandbox-Port: ${port}\r\n\r\n`))[0]).to.equal(400))

    it('an upgrade of the control plane is not taken up', async () => {
      const bytes = `GET /v2/sandboxes HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nX-API-Key: ${local.server.apiKey}\r\n\r\n`
      expect(await exchange(local.server.port, bytes, (text) => text.includes('\r\n\r\n'))).to.match(/^HTTP\/1.1 200 /)
    })
    it('an upgrade of a port that is closed, or of no sandbox', async () => {
      const upgrade = (id: string) =>
        `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nE2b-Sandbox-Id: ${id}\r\nE2b-Sandbox-Port: 9\r\n\r\n`
      expect(await status(upgrade(sandbox.sandboxId))).to.deep.equal([502, 502])
      expect(await status(upgrade('nobody'))).to.deep.equal([502, 502])
    })

    it('many requests that never end do not keep others waiting', async () => {
      const sockets = await Promise.all(
        Array.from(
          { length: 100 },
          async (_, i) =>
            new Promise<Socket>((resolve, reject) => {
              const socket = connect(local.server.port, '127.0.0.1', () => {
                socket.write(i % 2 ? 'GET / HTTP/1.1\r\nHost:' : `POST /v2/sandboxes HTTP/1.1\r\n${key()}Content-Length: 100\r\n\r\n{"temp`)
                resolve(socket)
              })
              socket.on('error', reject)
            }),
        ),
      )
      expect((await control('GET', '/v2/sandboxes')).status).to.equal(200)
      for (const socket of sockets) socket.destroy()
    })
  })

  describe('programs in a sandbox that answer badly', () => {
    const ANSWERS: Record<string, string> = {
      nothing: '',
      'no HTTP': 'hello\r\n\r\n',
      'a status below 100': 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n',
      'a status of 000': 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n',
      'an upgrade that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
      'headers beyond all bounds': `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
    }
    const PROGRAM = `
      const answers = ${JSON.stringify(Object.values(ANSWERS))}
      require('node:net').createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', (head) => socket.end(answers[Number(/^GET \\/(\\d+)/.exec(head)?.[1])] ?? 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}'))
      }).listen(process.env.PORT)`
    const ask = async (path: string) => send(path, { headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'e2b-sandbox-port': '7000' } })
    before(async () => {
      await sandbox.files.write('bad.cjs', PROGRAM)
      await sandbox.commands.run('node bad.cjs', { background: true, timeoutMs: 0, envs: { PORT: '7000' } })
      await eventually('it listens', async () => (await ask('/well')).status === 200)
    })
    for (const [i, name] of Object.keys(ANSWERS).entries())
      it(`with ${name}`, async () => {
        const { status, body } = await ask(`/${i}`)
        expect(status).to.equal(502)
        expect(body).to.deep.include({
          sandboxId: sandbox.sandboxId,
          port: 7000,
          code: 502,
          message: 'The sandbox is running but port is not open',
        })
      })

    it('with a body that ends in the middle', async () => {
      await sandbox.commands.run(
        `node -e "require('node:net').createServer((s) => { s.on('error', () => {}); s.end('HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf') }).listen(process.env.PORT)"`,
        { background: true, timeoutMs: 0, envs: { PORT: '7001' } },
      )
      const error = await eventually('the answer breaks off', async () => {
        const response = await fetch(local.server.url, { headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'e2b-sandbox-port': '7001' } })
        if (response.status !== 200) return undefined
        return response.text().then(
          () => undefined,
          (cause: unknown) => cause,
        )
      })
      expect(error).to.be.instanceOf(Error)
    })
  })
})

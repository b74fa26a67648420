import { expect } from 'chai'
import type { Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../../support/wait.ts'
import { exchange, startLocal, type Local } from './local.ts'

const PROGRAM = `require('node:http').createServer((req, res) => {
  res.end(JSON.stringify({ host: req.headers.host, port: process.env.PORT }))
}).on('upgrade', (req, socket, head) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n')
  socket.write(head)
  socket.pipe(socket)
}).listen(process.env.PORT)`

describe('addresses of sandboxes', function () {
  this.timeout(60_000)
  let local: Local
  let sandbox: Sandbox
  before(async () => {
    local = await startLocal()
    sandbox = await local.create()
    await sandbox.files.write('server.cjs', PROGRAM)
    await sandbox.commands.run('node server.cjs', { background: true, timeoutMs: 0, envs: { PORT: '8080' } })
    await eventually('it answers', async () => (await byHost('8080')).includes('"host"'))
  })
  after(() => local.server.stop())

  const get = async (headers: string) => exchange(local.server.port, `GET / HTTP/1.1\r\nConnection: close\r\n${headers}\r\n\r\n`)
  const byHost = async (port: string, id = sandbox.sandboxId) => get(`Host: ${port}-${id}.e2b.local`)

  it('may be in the name of the host, which the program sees', async () => {
    expect(sandbox.getHost(8080)).to.equal(`8080-${sandbox.sandboxId}.e2b.local`)
    expect(await byHost('8080')).to.contain(`"host":"8080-${sandbox.sandboxId}.e2b.local"`)
    expect(await get(`Host: 8080-${sandbox.sandboxId}.any.other.domain:1234`)).to.contain('"host"')
  })

  it('in the name of the host lead to closed ports and dead sandboxes too', async () => {
    expect(await byHost('8081')).to.match(/^HTTP\/1.1 502 [^]*"message":"The sandbox is running but port is not open"/)
    expect(await byHost('8080', 'i0123456789abcdefghij')).to.match(/^HTTP\/1.1 502 [^]*"message":"The sandbox was not found"/)
    expect(await byHost('99999')).to.match(/^HTTP\/1.1 400 /)
  })

  it('in headers come before the one in the name of the host', async () => {
    const other = await local.create()
    expect(
      await get(`Host: 8080-${other.sandboxId}.e2b.local\r\nE2b-Sandbox-Id: ${sandbox.sandboxId}\r\nE2b-Sandbox-Port: 8080`),
    ).to.contain('"host"')
  })

  it('without a port are those of the services', async () => {
    expect(
      await exchange(
        local.server.port,
        `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nE2b-Sandbox-Id: ${sandbox.sandboxId}\r\n\r\n`,
      ),
    ).to.match(/^HTTP\/1.1 204 /)
  })

  it('are not seen in the names of machines and pods', async () => {
    for (const host of ['10-0-0-7.default.pod.cluster.local', '192-168-1-4.example.com', 'localhost', '127.0.0.1:80'])
      expect(await get(`Host: ${host}\r\nX-API-Key: ${local.server.apiKey}`)).to.contain('no such route')
  })

  it('take upgrades by the name of the host', async () => {
    const bytes = `GET / HTTP/1.1\r\nHost: 8080-${sandbox.sandboxId}.e2b.local\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nsent at once`
    expect(await exchange(local.server.port, bytes, (answer) => answer.includes('sent at once'))).to.match(/^HTTP\/1.1 101 /)
  })

  it('take no upgrade without the traffic token when public traffic is closed', async () => {
    const closed = await local.create({ network: { allowPublicTraffic: false } })
    const upgrade = `GET / HTTP/1.1\r\nHost: 8080-${closed.sandboxId}.e2b.local\r\nConnection: Upgrade\r\nUpgrade: echo\r\n`
    expect(await exchange(local.server.port, `${upgrade}\r\n`)).to.match(/^HTTP\/1.1 403 /)
    const token = `e2b-traffic-access-token: ${closed.trafficAccessToken ?? ''}\r\n`
    expect(await exchange(local.server.port, `${upgrade}${token}\r\n`)).to.match(/^HTTP\/1.1 502 /)
  })

  it('cut connections that were upgraded when the sandbox ends', async () => {
    const own = await local.create()
    await own.files.write('server.cjs', PROGRAM)
    await own.commands.run('node server.cjs', { background: true, timeoutMs: 0, envs: { PORT: '8080' } })
    await eventually('it answers', async () => (await byHost('8080', own.sandboxId)).includes('"host"'))
    let isOpen: () => void = () => undefined
    const opened = new Promise<void>((resolve) => (isOpen = resolve))
    const bytes = `GET / HTTP/1.1\r\nHost: 8080-${own.sandboxId}.e2b.local\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`
    const ended = exchange(local.server.port, bytes, (answer) => {
      if (answer.includes('101 ')) isOpen()
      return false
    })
    await opened
    await own.kill()
    expect(await ended).to.match(/^HTTP\/1.1 101 /)
  })
})

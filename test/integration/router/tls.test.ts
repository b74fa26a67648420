import { X509Certificate } from 'node:crypto'
import { connect as connectPlain } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { selfSigned } from '../../support/certificate.ts'
import { MountedSecret } from '../../support/mounted-secret.ts'
import { eventually } from '../../support/wait.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const NAME = 'router.test'

describe('a router with a certificate', () => {
  const certificates = ['1', '2', '3', '4'].map((number) => selfSigned(NAME, number))
  const [first, second, third, last] = certificates
  if (!first || !second || !third || !last) throw new Error('there are no certificates')
  const ca = certificates.map(({ cert }) => cert)
  let fleet: TestFleet
  let secret: MountedSecret
  let router: RouterProcess

  before(async () => {
    fleet = await TestFleet.start()
    secret = new MountedSecret(first)
    const { config, namespace, gateway } = fleet
    const args = ['--tls-cert-file', secret.certFile, '--tls-key-file', secret.keyFile]
    router = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args, tls: { servername: NAME, ca } })
    await fleet.swarm('safe')
    await fleet.agent('safe', 'safe-a')
    await router.sees('safe', 'the agent', (view) => view.agents[0]?.health === 'Healthy')
  })
  after(async () => {
    await router.stop()
    secret.remove()
    await fleet.stop()
  })

  const port = () => Number(new URL(router.url).port)
  /** The certificate that a new connection gets, and its version of TLS; or why there is none. */
  const shown = (options: ConnectionOptions = {}) =>
    new Promise<{ fingerprint: string; protocol: string | null } | string>((resolve) => {
      const socket = connect({ port: port(), host: '127.0.0.1', servername: NAME, ca, ...options }, () => {
        resolve({ fingerprint: socket.getPeerCertificate().fingerprint256, protocol: socket.getProtocol() })
        socket.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  const fingerprintOf = ({ cert }: { readonly cert: string }) => new X509Certificate(cert).fingerprint256
  const shows = (certificate: { readonly cert: string }) =>
    eventually('the certificate is in use', async () => {
      const seen = await shown()
      return typeof seen === 'object' && seen.fingerprint === fingerprintOf(certificate)
    })

  it('takes a renewed one without a failed task, and shows it to new connections', async () => {
    let isOver = false
    const replies: Reply[] = []
    const load = Array.from({ length: 8 }, async (_, lane) => {
      // Half of them connect anew for each task.
      const headers: Record<string, string> = lane % 2 === 0 ? { connection: 'close' } : {}
      while (!isOver) replies.push(await router.task('safe', { input: lane }, { headers }))
    })
    for (const certificate of [second, third]) {
      secret.write(certificate)
      await shows(certificate)
    }
    const count = replies.length
    await eventually('more tasks are done', () => replies.length > count + 50)
    isOver = true
    await Promise.all(load)
    expect(replies.filter(({ status }) => status !== 200)).to.deep.equal([])
    expect(router.log.match(/"certificate has changed"/g)?.length).to.equal(2)
  })

  it('keeps the last one while what is there cannot be used, and says so', async () => {
    const metric = async (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await router.get('/metrics')).text)?.[1])
    expect(await metric('swarmops_tls_certificate_expiry_seconds')).to.equal(Date.parse(new X509Certificate(third.cert).validTo) / 1_000)
    secret.write({ cert: 'not a certificate', key: third.key })
    await eventually('it is told', () => /certificate cannot be used, the last one stays.*not a certificate and its key/.test(router.log))
    await shows(third)
    secret.write({ cert: last.cert, key: first.key })
    await eventually('it is counted', async () => (await metric('swarmops_tls_reload_failures_total')) === 2)
    await shows(third)
    expect((await router.task('safe')).status).to.equal(200)
    secret.write(last)
    await shows(last)
  })

  it('speaks TLS 1.2 and newer, and nothing else', async () => {
    expect(await shown()).to.have.property('protocol', 'TLSv1.3')
    expect(await shown({ maxVersion: 'TLSv1.2' })).to.have.property('protocol', 'TLSv1.2')
    expect(await shown({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).to.be.a('string')
    const plain = new Promise<string>((resolve) => {
      let text = ''
      const socket = connectPlain(port(), '127.0.0.1', () => socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'))
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(text))
    })
    expect(await plain).to.not.contain('200')
    expect((await router.task('safe')).status).to.equal(200)
  })

  it('closes connections whose handshake does not end, and those that speak something else', async () => {
    const clientHello = Buffer.from('1603010200010001fc0303', 'hex') // its beginning
    const sockets = [Buffer.of(), clientHello, Buffer.from('nonsense')].map((bytes) => {
      const socket = connectPlain(port(), '127.0.0.1', () => socket.write(bytes))
      return socket.on('error', () => undefined).resume()
    })
    await eventually('they are closed', () => sockets.every(({ destroyed }) => destroyed))
    expect((await router.task('safe')).status).to.equal(200)
  })

  it('does not start with one that cannot be used', async () => {
    const { config, namespace, gateway } = fleet
    const broken = new MountedSecret({ cert: first.cert, key: second.key })
    const args = ['--tls-cert-file', broken.certFile, '--tls-key-file', broken.keyFile]
    const refused = RouterProcess.launch({ config, namespace, sandboxUrl: gateway.url, args })
    expect(await refused.exited).to.equal(2)
    expect(refused.log).to.contain(`${broken.certFile} and ${broken.keyFile} are not a certificate and its key in PEM`)
    await refused.stop()
    broken.remove()
  })
})

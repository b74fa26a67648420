import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { Agent, request } from 'undici'
import { KubeClient, loadKubeConfig } from '../../../src/kube/client.ts'
import { NAMESPACES } from '../../../src/kube/objects.ts'
import { Accounts } from '../../support/accounts.ts'
import { selfSigned } from '../../support/certificate.ts'
import { useCluster } from '../../support/cluster.ts'
import { MountedSecret } from '../../support/mounted-secret.ts'
import { Program } from '../../support/programs.ts'
import { eventually } from '../../support/wait.ts'

const NAME = 'operator.test'

describe('the metrics of the operator', () => {
  const certificate = selfSigned(NAME)
  const namespace = `metrics-${randomBytes(4).toString('hex')}`
  const agent = new Agent({ connect: { ca: certificate.cert, servername: NAME } })
  let client: KubeClient
  let accounts: Accounts
  let secret: MountedSecret
  let operator: Program

  before(async () => {
    const { kubeconfig } = await useCluster()
    client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
    await client.create(NAMESPACES, { metadata: { name: namespace } })
    accounts = new Accounts(client, namespace)
    await accounts.create('scraper', [], { everywhere: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] })
    await accounts.create('nobody')
    secret = new MountedSecret(certificate)
    operator = await Program.start({
      file: 'operator/operator.ts',
      args: [
        '--metrics-port',
        '0',
        '--log-format',
        'json',
        '--lease-namespace',
        namespace,
        '--namespace',
        namespace,
        '--metrics-tls-cert-file',
        secret.certFile,
        '--metrics-tls-key-file',
        secret.keyFile,
      ],
      env: { KUBECONFIG: kubeconfig },
      listening: '"health server started"',
    })
  })
  after(async () => {
    await operator.stop()
    secret.remove()
    await agent.close()
    await accounts.delete('scraper')
    await client.delete(NAMESPACES, { name: namespace })
    await client.close()
  })

  async function get(path: string, token?: string) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await request(`https://127.0.0.1:${operator.port}${path}`, { dispatcher: agent, headers })
    return { status: answer.statusCode, challenge: answer.headers['www-authenticate'], text: await answer.body.text() }
  }

  it('are for those who may get that path, over TLS', async () => {
    const allowed = await get('/metrics', await accounts.token('scraper'))
    expect(allowed.status).to.equal(200)
    expect(allowed.text).to.contain('swarmops_tls_certificate_expiry_seconds').and.contain('swarmops_leader')
    const { status, text } = await get('/metrics', await accounts.token('nobody'))
    expect([status, text]).to.deep.equal([
      403,
      `user system:serviceaccount:${namespace}:nobody may not get /metrics; ask for a role that allows it, ` +
        `kubectl auth can-i get /metrics --as=system:serviceaccount:${namespace}:nobody shows it\n`,
    ])
    for (const token of [undefined, 'made-up']) {
      const refused = await get('/metrics', token)
      expect(refused.status).to.equal(401)
      expect(refused.challenge).to.match(/^Bearer realm="swarm-operator"/)
    }
  })

  it('keep no connection whose TLS handshake does not end', async () => {
    const socket = connect(operator.port, '127.0.0.1').resume()
    await eventually('it is closed', () => socket.destroyed)
  })

  it('leave the probes of a kubelet open', async () => {
    expect((await get('/healthz')).status).to.equal(200)
    await eventually('the operator is ready', async () => (await get('/readyz')).status === 200)
  })
})

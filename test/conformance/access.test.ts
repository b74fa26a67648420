import { expect } from 'chai'
import { AuthenticationError, Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { ask, type PortRequest, failure, openTarget, PORT, serve, type Target } from './target.ts'

const HELLO = `import { createServer } from 'node:http'
  createServer((req, res) => res.end('hello' + Object.keys(req.headers).filter((name) => name.startsWith('e2b-')))).listen(process.env.PORT)`
const ENVD_PORT = 49_983

describe('access to a sandbox', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
    await sandbox.files.write('secret file', 'content')
  })
  after(() => target.stop())

  const envd = async (path: string, request: PortRequest = {}) => ask(target, sandbox, path, { ...request, port: ENVD_PORT })
  const list = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
  const changed = (address: string, change: (query: URLSearchParams) => void) => {
    const url = new URL(address)
    change(url.searchParams)
    return url.toString()
  }

  it('is free for a look at its health', async () => {
    expect((await envd('/health')).status).to.equal(204)
  })

  it('needs the token for its services', async () => {
    const without = await envd('/process.Process/List', list)
    const wrong = await envd('/process.Process/List', { ...list, headers: { ...list.headers, 'x-access-token': 'wrong' } })
    expect([without.status, wrong.status]).to.deep.equal([401, 401])
    expect(await without.json()).to.have.property('code', 'unauthenticated')
  })

  it('needs the token, or a signature, for its files', async () => {
    const path = `/files?path=${encodeURIComponent('secret file')}`
    expect((await envd(path)).status).to.equal(401)
    expect((await envd(path, { headers: { 'x-access-token': 'wrong' } })).status).to.equal(401)
    expect((await envd(path, { method: 'POST', body: 'x' })).status).to.equal(401)
    expect((await envd(`${path}&signature=v1_wrong`)).status).to.equal(401)
  })

  it('with a wrong token is an AuthenticationError', async () => {
    const { sandboxId } = sandbox
    const stranger = new Sandbox({
      ...target.options,
      sandboxId,
      envdVersion: '0.6.4',
      envdAccessToken: 'wrong',
      sandboxDomain: sandbox.sandboxDomain,
    })
    expect(await failure(stranger.files.read('secret file'))).to.be.instanceOf(AuthenticationError)
    expect(await failure(stranger.commands.run('true'))).to.be.instanceOf(AuthenticationError)
  })

  it('has signed addresses for download, with and without an end', async () => {
    for (const options of [{}, { useSignatureExpiration: 60 }, { user: 'user' }]) {
      const response = await fetch(await sandbox.downloadUrl('secret file', options))
      expect([response.status, await response.text()]).to.deep.equal([200, 'content'])
    }
  })

  it('has signed addresses for upload', async () => {
    const form = new FormData()
    form.append('file', new Blob(['uploaded']), 'ignored-name')
    const response = await fetch(await sandbox.uploadUrl('uploaded file', { useSignatureExpiration: 60 }), { method: 'POST', body: form })
    expect([response.status, await sandbox.files.read('uploaded file')]).to.deep.equal([200, 'uploaded'])
    const named = new FormData()
    named.append('file', new Blob(['by name']), 'named file')
    expect((await fetch(await sandbox.uploadUrl(), { method: 'POST', body: named })).status).to.equal(200)
    expect(await sandbox.files.read('named file')).to.equal('by name')
  })

  it('refuses addresses that were changed or are too old', async () => {
    const address = await sandbox.downloadUrl('secret file', { useSignatureExpiration: 60 })
    const addresses = {
      'another file': changed(address, (query) => query.set('path', '.profile')),
      'another end': changed(address, (query) => query.set('signature_expiration', '99999999999')),
      'no end': changed(address, (query) => query.delete('signature_expiration')),
      'an end that is no number': changed(address, (query) => query.set('signature_expiration', 'never')),
      'another user': changed(address, (query) => query.set('username', 'root')),
      'another signature': changed(address, (query) => query.set('signature', `${query.get('signature') ?? ''}x`)),
      'too old': await sandbox.downloadUrl('secret file', { useSignatureExpiration: -5 }),
      'for upload': await sandbox.uploadUrl('secret file'),
    }
    for (const [what, one] of Object.entries(addresses)) expect((await fetch(one)).status, what).to.equal(401)
    const form = new FormData()
    form.append('file', new Blob(['x']), 'x')
    expect((await fetch(address, { method: 'POST', body: form })).status).to.equal(401)
    expect(await sandbox.files.read('secret file')).to.equal('content')
  })

  it('does not open the routes by which a sandbox is set up', async () => {
    for (const path of ['/init', '/freeze', '/snapshot']) expect((await envd(path, { method: 'POST' })).status).to.be.within(400, 499)
    expect((await sandbox.commands.run('echo fine')).stdout).to.equal('fine\n')
  })

  it('from everywhere to its ports can be closed: then only who has the traffic token gets in', async () => {
    const closed = await target.create({ network: { allowPublicTraffic: false } })
    const { trafficAccessToken = '' } = closed
    expect(trafficAccessToken).to.have.length.above(20)
    expect((await closed.getInfo()).network?.allowPublicTraffic).to.equal(false)
    const token = { headers: { 'e2b-traffic-access-token': trafficAccessToken } }
    await closed.files.write('server.mjs', HELLO)
    await closed.commands.run('node server.mjs', { background: true, timeoutMs: 0, envs: { PORT: String(PORT) } })
    await eventually('it answers', async () => (await ask(target, closed, '/', token)).status === 200)
    const [without, wrong, right] = await Promise.all([
      ask(target, closed),
      ask(target, closed, '/', { headers: { 'e2b-traffic-access-token': 'wrong' } }),
      ask(target, closed, '/', token),
    ])
    expect([without.status, wrong.status, right.status]).to.deep.equal([403, 403, 200])
    expect(await without.json()).to.deep.include({ sandboxId: closed.sandboxId, code: 403 })
    expect(await right.text()).to.equal('hello')
  })

  it('to open ports needs no token', async () => {
    await serve(target, sandbox, HELLO)
    expect(sandbox.trafficAccessToken).to.equal(undefined)
    expect(await (await ask(target, sandbox)).text()).to.equal('hello')
  })
})

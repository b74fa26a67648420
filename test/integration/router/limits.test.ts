import { connect } from 'node:net'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const PER_SECOND = 20

describe('what a namespace may have of a router', () => {
  let noisy: TestFleet
  let quiet: TestFleet
  let router: RouterProcess
  let agent: TestAgent

  before(async () => {
    ;[noisy, quiet] = await Promise.all([TestFleet.start(), TestFleet.start()])
    for (const fleet of [noisy, quiet]) await fleet.swarm('words', { template: { maxConcurrentTasks: 50 } })
    agent = await noisy.agent('words', 'noisy-a')
    noisy.gateway.add('sbx-quiet-a', await quiet.agent('words', 'quiet-a'))
    const { config, namespace, gateway } = noisy
    const limits = `--max-in-flight-per-namespace 4 --tasks-per-second-per-namespace ${PER_SECOND} --max-in-flight-mib 1`
    const args = [...limits.split(' '), '--namespace', quiet.namespace]
    router = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args })
    await eventually('both are served', async () => (await send(noisy)).status === 200 && (await send(quiet)).status === 200)
  })
  after(async () => {
    await router.stop()
    await noisy.stop()
    await quiet.stop()
  })

  const send = (fleet: { readonly namespace: string }, input: unknown = 1) =>
    router.raw('POST', `/v1/namespaces/${fleet.namespace}/swarms/words/tasks`, { body: JSON.stringify({ input }) })
  const codeOf = ({ status, body }: Reply) => (status === 200 ? 200 : body.code)
  const rested = () => eventually('the namespace may send again', async () => (await send(noisy)).status === 200)
  /** Sends tasks that stay with their agent until they are let go. */
  async function hold(inputs: readonly unknown[]) {
    const held: (() => void)[] = []
    agent.work = (_task, response) => void held.push(() => answer(response, 200, { output: {} }))
    const letIn = async (input: unknown) => {
      const reply = await send(noisy, input)
      return reply.body.code !== 'NamespaceTooFast' && reply
    }
    const replies = inputs.map((input) => eventually('the task is let in', () => letIn(input)))
    await eventually('the agent has them', () => held.length === inputs.length)
    return async () => {
      agent.work = (task, response) => answer(response, 200, { output: { input: task.input } })
      for (const letGo of held) letGo()
      return (await Promise.all(replies)).map(codeOf)
    }
  }

  it('is a number of open tasks, and others go on', async () => {
    const release = await hold([1, 2, 3, 4])
    const refused = await send(noisy)
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).to.deep.equal([429, 'NamespaceFull', '1'])
    expect(refused.body.detail).to.contain(`namespace ${noisy.namespace} has 4 tasks open in this router`)
    expect(codeOf(await send(quiet))).to.equal(200)
    expect((await router.get('/metrics')).text)
      .to.contain(`swarmops_router_namespace_open_tasks{namespace="${noisy.namespace}"} 4`)
      .and.contain(`swarmops_router_namespace_limited_total{namespace="${noisy.namespace}",swarm="words",code="NamespaceFull"} 1`)
    expect(await release()).to.deep.equal([200, 200, 200, 200])
    await rested()
  })

  it('is a number of tasks a second, and others go on', async () => {
    const started = performance.now()
    const codes: unknown[] = []
    for (let i = 0; i < 200; i++) codes.push(codeOf(await send(noisy)))
    const seconds = (performance.now() - started) / 1_000
    expect(new Set(codes)).to.deep.equal(new Set([200, 'NamespaceTooFast']))
    expect(codes.filter((code) => code === 200).length).to.be.at.most(PER_SECOND * (seconds + 1) + 1)
    expect(codeOf(await send(quiet))).to.equal(200)
    await rested()
  })

  it('is not more memory than there is, whoever sends it', async () => {
    const large = 'x'.repeat(600 * 1024)
    const release = await hold([large])
    await eventually('the router says so', async () => codeOf(await send(quiet, large)) === 'TooManyTasks')
    expect(codeOf(await send(quiet))).to.equal(200)
    await release()
    await eventually('there is room again', async () => codeOf(await send(quiet, large)) === 200)
  })

  it('is half of the live views', async () => {
    const watch = async ({ namespace }: TestFleet) => fetch(`${router.url}/v1/namespaces/${namespace}/swarms/words/events`)
    const streams = await Promise.all(Array.from({ length: 51 }, async () => watch(noisy)))
    expect(streams.filter(({ status }) => status === 429).length).to.equal(1)
    const others = await watch(quiet)
    expect(others.status).to.equal(200)
    await Promise.all([...streams, others].map(async ({ body }) => body?.cancel()))
  })

  it('is nothing that names of other namespaces leave behind', async () => {
    const replies = await Promise.all(Array.from({ length: 300 }, (_, i) => send({ namespace: `made-up-${i}` })))
    expect(new Set(replies.map(codeOf))).to.deep.equal(new Set(['SwarmNotFound']))
    expect((await router.get('/metrics')).text).to.not.contain('made-up')
  })

  describe('is kept to when requests are not what they seem:', () => {
    const task = () => `POST /v1/namespaces/${noisy.namespace}/swarms/words/tasks HTTP/1.1\r\nHost: r\r\n`
    const smuggled = 'GET /metrics HTTP/1.1\r\nHost: r\r\n\r\n'
    const cases: Record<string, () => string> = {
      'a length beside chunks': () => `${task()}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      'two lengths': () => `${task()}Content-Length: 4\r\nContent-Length: 40\r\n\r\nnull${smuggled}`,
      'a length with a sign': () => `${task()}Content-Length: +4\r\n\r\nnull${smuggled}`,
      'chunks under another name': () => `${task()}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
      'a space before the colon': () => `${task()}Content-Length : 4\r\n\r\nnull${smuggled}`,
      'a header over two lines': () => `${task()}X-A: b\r\n c\r\nContent-Length: +4\r\n\r\nnull${smuggled}`,
      'lines that end with LF only': () => `${task().replaceAll('\r\n', '\n')}Content-Length: 4\n\nnull${smuggled}`,
      'no host': () => `${task().replace('Host: r\r\n', '')}\r\n${smuggled}`,
    }
    for (const [name, text] of Object.entries(cases)) {
      it(`${name} is refused, and the connection closed`, async () => {
        const reply = await exchange(Number(new URL(router.url).port), text())
        expect(reply).to.match(/^HTTP\/1\.1 400 /)
        expect(reply).to.not.contain('swarmops_router')
      })
    }

    it('a path that climbs is taken as it is written, and leads nowhere', async () => {
      const port = Number(new URL(router.url).port)
      for (const path of ['/v1/namespaces/x/swarms/../../../metrics', '/v1/namespaces/%2e%2e/swarms', '/healthz/../metrics', '//metrics'])
        expect(await exchange(port, `GET ${path} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n`), path).to.match(/^HTTP\/1\.1 404 /)
    })
  })
})

/** Everything that comes back on a connection until it is closed. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(10_000, () => socket.destroy(new Error(`the connection was left open after ${JSON.stringify(reply)}`)))
    socket.on('data', (chunk: Buffer) => (reply += chunk.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(reply) : reject(error)))
    socket.on('close', () => resolve(reply))
  })
}

import type { ServerResponse } from 'node:http'
import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { SourceError } from '../../../src/sources/source-error.ts'
import { Sources } from '../../../src/sources/sources.ts'
import { eventually } from '../../support/wait.ts'
import { TestSource } from '../../support/test-source.ts'

const TIMEOUT = { timeoutMs: 10_000 }
const SECRET = 'hunter2'

describe('sources of metrics', () => {
  const source = new TestSource()
  const sources = new Sources()
  const never = new AbortController().signal
  before(() => source.start())
  after(async () => {
    await sources.close()
    await source.stop()
  })
  afterEach(() => {
    source.received.length = 0
    source.most = 0
  })

  const failure = async (asked: Promise<unknown>): Promise<string> =>
    asked.then(
      () => 'no error',
      (error: unknown) => (error instanceof SourceError ? error.message : `not a SourceError: ${String(error)}`),
    )
  const json = (answer: unknown, status = 200) => {
    source.answer = (response) => response.writeHead(status).end(JSON.stringify(answer))
  }

  it('asks only hosts that it may ask, where these are named', async () => {
    json({ value: 1 })
    const [own, others] = [new Sources({ hosts: ['127.0.0.1'] }), new Sources({ hosts: ['*.example.com'] })]
    expect(await own.fetchJson({ url: `${source.url}/x`, path: 'value', ...TIMEOUT }, never)).to.equal(1)
    expect(await failure(others.fetchJson({ url: `${source.url}/x`, token: SECRET, ...TIMEOUT }, never))).to.equal(
      `${source.url}/x is not asked; the operator asks *.example.com (--source-hosts)`,
    )
    expect(source.received.length).to.equal(1)
    await Promise.all([own.close(), others.close()])
  })

  it('asks Prometheus with a form, a token and headers', async () => {
    json({ status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, '0.25'] }] } })
    const headers = [{ name: 'X-Scope-OrgID', value: 'team' }]
    const query = 'sum(rate(errors_total{revision="abc"}[1m]))'
    const value = await sources.queryPrometheus({ address: `${source.url}/prom/`, query, token: SECRET, headers, ...TIMEOUT }, never)
    expect(value).to.equal(0.25)
    const [{ method, url, body, headers: sent } = { method: '', url: '', body: '', headers: {} }] = source.received
    expect([method, url]).to.deep.equal(['POST', '/prom/api/v1/query'])
    expect(Object.fromEntries(new URLSearchParams(body))).to.deep.equal({ query, timeout: '10000ms' })
    expect([sent.authorization, sent['x-scope-orgid']]).to.deep.equal([`Bearer ${SECRET}`, 'team'])
  })

  it('gives the value at a path of a JSON document', async () => {
    json({ data: [{ errors: 3 }] })
    expect(await sources.fetchJson({ url: `${source.url}/figures?of=abc`, path: 'data.0.errors', ...TIMEOUT }, never)).to.equal(3)
    expect(await sources.fetchJson({ url: source.url, path: 'data.1.errors', ...TIMEOUT }, never)).to.equal(undefined)
    expect(await sources.fetchJson({ url: source.url, ...TIMEOUT }, never)).to.deep.equal({ data: [{ errors: 3 }] })
    expect(source.received[0]?.url).to.equal('/figures?of=abc')
  })

  it('finds a source by its name', async () => {
    json(5)
    expect(await sources.fetchJson({ url: source.url.replace('127.0.0.1', 'localhost'), ...TIMEOUT }, never)).to.equal(5)
  })

  it('takes the answers of gates', async () => {
    const call = () => sources.callWebhook({ url: `${source.url}/gate`, body: { revision: 'abc' }, ...TIMEOUT }, never)
    json({}, 200)
    expect((await call()).answer).to.equal('Success')
    json({}, 202)
    expect((await call()).answer).to.equal('NotYet')
    json({ why: 'a freeze' }, 403)
    expect(await call()).to.deep.equal({ answer: 'Failure', message: `${source.url}/gate answered 403: {"why":"a freeze"}` })
    json({ oh: 'no' }, 500)
    expect(await failure(call())).to.equal(`${source.url}/gate answered 500: {"oh":"no"}`)
    expect(source.received[0]).to.deep.include({ method: 'POST', body: '{"revision":"abc"}' })
  })

  it('follows no redirect', async () => {
    source.answer = (response) => response.writeHead(302, { location: `${source.url}/elsewhere` }).end()
    expect(await failure(sources.fetchJson({ url: source.url, ...TIMEOUT }, never))).to.contain('redirects are not followed')
    expect(source.received).to.have.length(1)
  })

  it('reads no more than it may, and says so', async () => {
    let isCut = false
    source.answer = (response) => {
      response.on('close', () => (isCut = !response.writableFinished))
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, 32)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }
    expect(await failure(sources.fetchJson({ url: source.url, ...TIMEOUT }, never))).to.equal(
      `${source.url} answered with more than 1024 KiB; ask it for less`,
    )
    await eventually('the connection is cut', () => isCut)
  })

  it('waits no longer than it may, for the head and for the end of an answer', async () => {
    source.answer = () => undefined
    const timeoutMs = 100
    expect(await failure(sources.fetchJson({ url: source.url, timeoutMs }, never))).to.equal(
      `${source.url} has not answered in 100 ms; see whether it is slow, or raise the timeout`,
    )
    source.answer = (response) => response.write('{')
    expect(await failure(sources.fetchJson({ url: source.url, timeoutMs }, never))).to.contain('has not answered in 100 ms')
    await eventually('the connections are cut', () => source.open === 0)
  })

  it('says that nobody listens', async () => {
    const gone = new TestSource()
    await gone.start()
    await gone.stop()
    expect(await failure(sources.fetchJson({ url: gone.url, ...TIMEOUT }, never))).to.equal(
      `${gone.url} does not answer: nothing listens there; see whether it runs, and whether the port is right`,
    )
  })

  it('shows neither token nor query of the address nor headers', async () => {
    json({ no: 'thing' }, 500)
    const headers = [{ name: 'X-Key', value: SECRET }]
    const told = [
      await failure(sources.fetchJson({ url: `${source.url}/a?key=${SECRET}`, token: SECRET, headers, ...TIMEOUT }, never)),
      await failure(sources.fetchJson({ url: `http://me:${SECRET}@127.0.0.1/`, ...TIMEOUT }, never)),
      await failure(sources.fetchJson({ url: source.url, token: `${SECRET}\n${SECRET}`, ...TIMEOUT }, never)),
    ]
    source.answer = (response, received) => response.writeHead(500).end(JSON.stringify(received.headers.authorization))
    told.push(await failure(sources.fetchJson({ url: source.url, token: SECRET, ...TIMEOUT }, never)))
    expect(told[0]).to.equal(`${source.url}/a answered 500: {"no":"thing"}`)
    expect(told.at(-1)).to.equal(`${source.url} answered 500: "Bearer [redacted]"`)
    expect(told.join()).not.to.contain(SECRET)
  })

  it('is stopped by its signal, and gives its reason', async () => {
    source.answer = () => undefined
    const stopping = new AbortController()
    const asked = sources.fetchJson({ url: source.url, ...TIMEOUT }, stopping.signal)
    await eventually('it was asked', () => source.open === 1)
    const why = new Error('nobody wants to know any more')
    stopping.abort(why)
    expect(await asked.catch((error: unknown) => error)).to.equal(why)
    await eventually('the connection is cut', () => source.open === 0)
  })

  it('opens no more connections than it may', async () => {
    const waiting: ServerResponse[] = []
    source.answer = (response) => waiting.push(response)
    const asked = Array.from({ length: 20 }, async () => sources.fetchJson({ url: source.url, ...TIMEOUT }, never))
    let answered = 0
    await eventually('all were answered', () => {
      for (const response of waiting.splice(0)) {
        response.end('1')
        answered += 1
      }
      return answered === 20
    })
    expect(await Promise.all(asked)).to.deep.equal(Array(20).fill(1))
    expect(source.most).to.be.at.most(8)
  })
})

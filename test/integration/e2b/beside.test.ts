import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, request as ask, type Server } from 'node:http'
import { PassThrough } from 'node:stream'
import { after, before, describe, it } from 'mocha'
import { Registry } from 'prom-client'
import type { Provider } from '../../../src/e2b/provider.ts'
import { Providers } from '../../../src/e2b/providers.ts'
import type { Session } from '../../../src/e2b/session.ts'
import { OperatorError } from '../../../src/errors.ts'
import { eventually } from '../../support/wait.ts'
import { bench, request, type Bench } from './harness.ts'

/** A way to sandboxes that can lose inputs: `losesFrom` is the number of the first input whose connection breaks. */
class Way {
  losesFrom = Infinity
  inputs = 0
  readonly #server: Server

  constructor(to: string) {
    this.#server = createServer((incoming, response) => {
      if (incoming.url === '/process.Process/SendInput' && ++this.inputs >= this.losesFrom) return void incoming.socket.destroy()
      const { url: path = '', method, headers } = incoming
      const onwards = ask(new URL(path, to), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      onwards.on('error', () => response.destroy())
      response.on('close', () => onwards.destroy())
      incoming.pipe(onwards)
    })
  }

  async open(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

describe('a command beside the agent', function () {
  this.timeout(60_000)
  let all: Bench
  let way: Way
  let providers: Providers
  let provider: Provider
  let session: Session
  before(async () => {
    all = await bench()
    way = new Way(all.server.url)
    const endpoints = { apiUrl: all.server.url, sandboxUrl: await way.open() }
    providers = new Providers({ endpoints, createsPerSecond: 0, registry: new Registry() })
    provider = providers.for(all.server.apiKey)
    session = (await provider.create(request())).session
  })
  after(async () => {
    way.close()
    await providers.close()
    await all.stop()
  })

  const { signal } = new AbortController()
  const size = { cols: 80, rows: 24 }
  /** Runs a command whose input never ends; each word of `typed` is sent when the output shows the one before. */
  async function run(command: string, { losesFrom = Infinity, isTerminal = false, typed = ['one\n', 'two\n'] } = {}) {
    Object.assign(way, { inputs: 0, losesFrom })
    const input = new PassThrough()
    let [said, next] = ['', 0]
    const take = (text: string | Uint8Array) => {
      said += text.toString()
      const word = typed[next]
      if (word !== undefined && (next === 0 ? said.includes('ready') : said.includes(typed[next - 1]?.trim() ?? ''))) {
        next += 1
        input.write(word)
      }
    }
    const terminal = {
      command,
      size,
      onSize: () => () => undefined,
      input,
      output: (bytes: Uint8Array) => take(Buffer.from(bytes)),
      signal,
    }
    const plain = { command, input, stdout: take, stderr: take, signal }
    const end = provider.runBeside(session, isTerminal ? terminal : plain)
    return { end, said: () => said }
  }
  const failure = async (end: Promise<number>): Promise<string> => {
    const error: unknown = await end.then(String, (reason: unknown) => reason)
    return error instanceof OperatorError ? error.message : expect.fail(`it ended with ${String(error)}`)
  }
  const pids = () => all.server.admin.sandboxes().flatMap((sandbox) => sandbox.pids)
  const isGone = async () => eventually('the command has been ended', () => pids().length === 0)

  it('ends, and says why, when some of its input is lost', async () => {
    const { end } = await run('echo ready; cat', { losesFrom: 2 })
    expect(await failure(end)).to.match(
      /^input was lost on its way to a command in sandbox \S+ \(.+\), so the command was ended; run it again$/,
    )
    await isGone()
  })

  it('ends, and says why, when a key that was pressed in its terminal is lost', async () => {
    // The first input starts the command in its terminal.
    const { end } = await run('echo ready; cat', { losesFrom: 3, isTerminal: true })
    expect(await failure(end)).to.match(/^input was lost on its way/)
    await isGone()
  })

  it('ends, and says why, when it cannot even be started in its terminal', async () => {
    const { end } = await run('echo ready; cat', { losesFrom: 1, isTerminal: true })
    expect(await failure(end)).to.match(/^input was lost on its way/)
    await isGone()
  })

  it('goes on when it has closed its input, and takes no more of it', async () => {
    const { end, said } = await run('exec <&-; echo ready; sleep 0.3; echo one; sleep 0.3; echo done; exit 3')
    expect([await end, said(), way.inputs]).to.deep.equal([3, 'ready\none\ndone\n', 1])
  })

  it('has its own exit code when it ends before its input', async () => {
    const { end } = await run('echo ready; head -n 1; exit 4')
    expect(await end).to.equal(4)
  })
})

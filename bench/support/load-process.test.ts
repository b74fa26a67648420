import { describe, it } from 'mocha'
import { expect } from 'chai'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sendLoad } from './load-process.ts'

const JOB = { connections: 4, requests: 20, limitMs: 10_000 }
const targetOf = (url: string) => ({ url, headers: { 'x-test': '1' }, body: '{}' })

describe('load', () => {
  it('is as many requests as were asked for, and tells which got another answer than 200', async () => {
    let count = 0
    const server = createServer((request, response) => {
      request.resume()
      count += 1
      response.writeHead(count === 3 ? 503 : 200).end('full')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { requests, failures, firstFailure } = await sendLoad({ ...JOB, targets: [targetOf(`http://127.0.0.1:${port}/tasks`)] })
    server.close()
    expect({ count, requests, failures, firstFailure }).to.deep.equal({ count: 20, requests: 20, failures: 1, firstFailure: '503 full' })
  })

  const refused = {
    'another machine': { ...JOB, targets: [targetOf('http://192.0.2.1/tasks')] },
    'too many requests': { ...JOB, targets: [targetOf('http://127.0.0.1:1/tasks')], requests: 1_000_000 },
    'too many connections': { ...JOB, targets: [targetOf('http://127.0.0.1:1/tasks')], connections: 10_000 },
  }
  for (const [name, job] of Object.entries(refused)) {
    it(`is refused for ${name}`, async () => {
      const error = await sendLoad(job).catch((caught: unknown) => caught)
      expect(error).to.be.instanceOf(Error)
    })
  }
})

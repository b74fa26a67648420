import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Writable } from 'node:stream'
import { createLog, redact } from './log.ts'

const cases: Record<string, { value: unknown; want: unknown }> = {
  'takes out secrets by the name of their field, at any depth': {
    value: { apiKey: 'x', env: [{ accessToken: 'y' }], Authorization: 'z', 'e2b-traffic-access-token': 't' },
    want: {
      apiKey: '[redacted]',
      env: [{ accessToken: '[redacted]' }],
      Authorization: '[redacted]',
      'e2b-traffic-access-token': '[redacted]',
    },
  },
  'leaves names of and references to secrets': {
    value: { secretName: 'e2b', secretKeyRef: { name: 'e2b', key: 'k' }, tokens: 3 },
    want: { secretName: 'e2b', secretKeyRef: { name: 'e2b', key: 'k' }, tokens: 3 },
  },
  'takes out secrets within texts': {
    value: { url: 'http://h/f?signature=abc&x=1', note: 'sent Bearer abc.def with e2b_0123456789abcdef0123' },
    want: { url: 'http://h/f?signature=[redacted]&x=1', note: 'sent Bearer [redacted] with [redacted]' },
  },
}

describe('log', () => {
  for (const [name, { value, want }] of Object.entries(cases)) it(name, () => expect(redact(value)).to.deep.equal(want))

  it('writes one JSON line with the fields of the child logger and what the error was', () => {
    const lines: string[] = []
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk))
        done()
      },
    })
    const log = createLog({ stream }).child({ controller: 'swarm' })
    log.info('agent deleted', { agent: 'a', token: 't', error: new Error('broke', { cause: new Error('why') }) })
    log.debug('not shown')
    expect(lines.length).to.equal(1)
    const { timestamp, error, ...line } = JSON.parse(lines[0] ?? '') as {
      timestamp: string
      error: { message: string; cause: { message: string } }
    }
    expect(line).to.deep.equal({ level: 'info', message: 'agent deleted', controller: 'swarm', agent: 'a', token: '[redacted]' })
    expect([error.message, error.cause.message, Number.isNaN(Date.parse(timestamp))]).to.deep.equal(['broke', 'why', false])
  })
})

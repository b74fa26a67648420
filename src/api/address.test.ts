import { describe, it } from 'mocha'
import { expect } from 'chai'
import { addressOf } from './address.ts'

type Args = Parameters<typeof addressOf>

describe('the address of an agent', () => {
  const cases = {
    'is the host name of its port': {
      args: [{ id: 'i1', domain: 'e2b.example', port: 8080 }, undefined, undefined] as Args,
      want: { origin: 'https://8080-i1.e2b.example', headers: [] },
    },
    'has a domain by default': {
      args: [{ id: 'i1', port: 80 }, undefined, undefined] as Args,
      want: { origin: 'https://80-i1.e2b.app', headers: [] },
    },
    'is the one address where there is one, with headers that name the sandbox': {
      args: [{ id: 'i1', domain: 'd', port: 80 }, 'secret', 'http://127.0.0.1:3000'] as Args,
      want: {
        origin: 'http://127.0.0.1:3000',
        headers: ['e2b-sandbox-id', 'i1', 'e2b-sandbox-port', '80', 'e2b-traffic-access-token', 'secret'],
      },
    },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(addressOf(...c.args)).to.deep.equal(c.want))
})

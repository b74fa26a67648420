import { describe, it } from 'mocha'
import { expect } from 'chai'
import { isSafe } from './router-token.ts'

describe('the token of a kubeconfig', () => {
  const cases: Record<string, [url: string, goes: boolean]> = {
    'goes over TLS': ['https://router.swarm-system.svc:18000', true],
    'goes to this machine': ['http://127.0.0.1:18000', true],
    'goes to this machine by its name': ['http://localhost:18000/', true],
    'goes to this machine by its newer address': ['http://[::1]:18000', true],
    'does not go to others over plain HTTP': ['http://router.swarm-system.svc:18000', false],
    'does not go to what only begins like this machine': ['http://127.0.0.1.example.com', false],
    'does not go to what only looks like TLS': ['http://https:1@example.com', false],
    'does not go to what is no address': ['router', false],
  }
  for (const [name, [url, goes]] of Object.entries(cases)) it(name, () => expect(isSafe(url)).to.equal(goes))
})

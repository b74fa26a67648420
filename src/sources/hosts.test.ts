import { describe, it } from 'mocha'
import { expect } from 'chai'
import { mayAsk } from './hosts.ts'

describe('hosts that may be asked', () => {
  const patterns = ['prometheus.monitoring.svc', '*.example.com', '10.0.0.1', 'fd00::1']
  const cases: Record<string, [host: string, may: boolean]> = {
    'are those that are named': ['prometheus.monitoring.svc', true],
    'are named in any case': ['Prometheus.Monitoring.SVC', true],
    'are named with the dot of the root as well': ['prometheus.monitoring.svc.', true],
    'are all below a domain': ['a.b.example.com', true],
    'are addresses': ['10.0.0.1', true],
    'are addresses in brackets': ['[fd00::1]', true],
    'are not the domain itself': ['example.com', false],
    'are not what ends like the domain': ['badexample.com', false],
    'are not what begins like a name': ['prometheus.monitoring.svc.example.org', false],
    'are not others': ['localhost', false],
  }
  for (const [name, [host, may]] of Object.entries(cases)) it(name, () => expect(mayAsk(patterns, host)).to.equal(may))

  it('are all where none is named', () => expect(mayAsk([], 'localhost')).to.equal(true))
})

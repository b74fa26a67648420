import { describe, it } from 'mocha'
import { expect } from 'chai'
import { parseMetrics, sumOf, sumsBy } from './metrics-text.ts'

const TEXT = `# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{verb="get",kind="Agent"} 3
requests_total{verb="patch",kind="Agent"} 2.5
requests_total{verb="get",kind="Lease"} 10
process_cpu_seconds_total 1e-2

seconds_bucket{le="+Inf",name="a \\"b\\", c\\\\d"} +Inf
`

describe('metrics as text', () => {
  it('are read with labels and without', () =>
    expect(parseMetrics(TEXT)).to.deep.equal([
      { name: 'requests_total', labels: { verb: 'get', kind: 'Agent' }, value: 3 },
      { name: 'requests_total', labels: { verb: 'patch', kind: 'Agent' }, value: 2.5 },
      { name: 'requests_total', labels: { verb: 'get', kind: 'Lease' }, value: 10 },
      { name: 'process_cpu_seconds_total', labels: {}, value: 0.01 },
      { name: 'seconds_bucket', labels: { le: '+Inf', name: 'a "b", c\\d' }, value: Infinity },
    ]))

  it('are summed by name', () => {
    const samples = parseMetrics(TEXT)
    expect([sumOf(samples, 'requests_total'), sumOf(samples, 'other')]).to.deep.equal([15.5, 0])
  })

  it('are summed apart, and without those that have no key', () => {
    const key = ({ kind, verb }: Readonly<Record<string, string>>) => (kind === 'Lease' ? undefined : `${verb} ${kind}`)
    expect(sumsBy(parseMetrics(TEXT), 'requests_total', key)).to.deep.equal({ 'get Agent': 3, 'patch Agent': 2.5 })
  })
})

import { expect } from 'chai'
import { it } from 'mocha'
import { Registry } from 'prom-client'
import { metricFactory } from './factory.ts'

/** All kinds of metrics, as something that is built again makes them. */
function build(registry: Registry, value: number) {
  const metrics = metricFactory(registry)
  const gauge = metrics.gauge({
    name: 'a_gauge',
    help: 'A.',
    labelNames: ['of'],
    collect() {
      this.set({ of: 'all' }, value)
    },
  })
  const counter = metrics.counter({ name: 'b_total', help: 'B.' })
  counter.inc(value)
  const histogram = metrics.histogram({ name: 'c_seconds', help: 'C.', buckets: [1] })
  histogram.observe(value)
  return { gauge, counter, histogram }
}

it('metrics that are made again take the place of the old ones', async () => {
  const registry = new Registry()
  const old = build(registry, 1)
  build(registry, 7)
  old.counter.inc(100)
  const told = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(told).to.deep.equal([
    'a_gauge{of="all"} 7',
    'b_total 7',
    'c_seconds_bucket{le="1"} 0',
    'c_seconds_bucket{le="+Inf"} 1',
    'c_seconds_sum 7',
    'c_seconds_count 1',
  ])
})

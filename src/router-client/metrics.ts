import type { Registry } from 'prom-client'
import { metricFactory } from '../metrics/factory.ts'
import type { RouterFeed } from './feed.ts'

/** Adds a gauge of the routers to the registry: those that are known, and those that tell what they do. */
export function feedMetrics(registry: Registry, feed: Pick<RouterFeed, 'routers'>): void {
  metricFactory(registry).gauge({
    name: 'swarmops_operator_routers',
    help: 'Routers that the operator knows of, and those that tell it what they do.',
    labelNames: ['state'] as const,
    collect() {
      const { known, connected } = feed.routers
      this.set({ state: 'known' }, known)
      this.set({ state: 'connected' }, connected)
    },
  })
}

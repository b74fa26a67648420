import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What a metric is called, what it says, and by what it is told apart. */
type About<L extends string> = { readonly name: string; readonly help: string; readonly labelNames?: readonly L[] }

/** Makes metrics in one registry. */
export type MetricFactory = {
  counter<L extends string>(about: About<L>): Counter<L>
  /** `collect` sets it whenever the metrics are asked for. */
  gauge<L extends string>(about: About<L> & { collect(this: Gauge<L>): void }): Gauge<L>
  histogram<L extends string>(about: About<L> & { readonly buckets: readonly number[] }): Histogram<L>
}

/**
 * For what is built anew in a process that has built it before, as the reconcilers are each time it becomes the leader: a metric takes the
 * place of the one that has its name, which would otherwise be an error, and would go on to tell of what is no more.
 */
export function metricFactory(registry: Registry): MetricFactory {
  const registers = [registry]
  return {
    counter: (about) => {
      registry.removeSingleMetric(about.name)
      return new Counter({ ...about, registers })
    },
    gauge: (about) => {
      registry.removeSingleMetric(about.name)
      return new Gauge({ ...about, registers })
    },
    histogram: ({ buckets, ...about }) => {
      registry.removeSingleMetric(about.name)
      return new Histogram({ ...about, buckets: [...buckets], registers })
    },
  }
}

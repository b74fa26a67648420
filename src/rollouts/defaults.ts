import type { Metric } from '../api/analysis.ts'

const LOOKING = {
  window: '10m',
  minSamples: 20,
  initialDelay: '0s',
  interval: '250ms',
  count: 40,
  failureLimit: 0,
  consecutiveErrorLimit: 4,
  inconclusiveLimit: 3,
  noDataTimeout: '10m',
  dryRun: false,
}

/** What a rollout measures that says nothing itself: errors and latency, each also against the stable revision, looked at often and for 10 s at least. */
export const DEFAULT_METRICS: readonly Metric[] = [
  { ...LOOKING, name: 'error-rate', errorRate: { maxPercent: 10, maxAboveStable: 5 } },
  { ...LOOKING, name: 'latency', latency: { percentile: 95, maxPercentOfStable: 150 } },
]

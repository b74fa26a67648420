/** One point of a sandbox's metrics, as the API gives it. */
export type MetricsPoint = {
  readonly timestamp: string
  readonly timestampUnix: number
  readonly cpuUsedPct: number
  readonly cpuCount: number
  readonly memUsed: number
  readonly memTotal: number
  readonly memCache: number
  readonly diskUsed: number
  readonly diskTotal: number
}

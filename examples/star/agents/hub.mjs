import { badInput } from './serve.mjs'

const REGIONS = (process.env.REGIONS ?? '').split(' ')

/** Asks every region for its report, on the same prices. */
export function plan({ prices, regions = REGIONS }) {
  if (!prices) throw badInput('prices must be an object such as {"MSFT": [39.8, 36.4]}')
  return { subtasks: regions.map((region) => ({ capability: region, input: { prices } })) }
}

/** Adds the reports up. Losses of the regions in one month may cancel out, so that the worst month is found in their sum. */
export function merge({ regions = REGIONS }, results) {
  const reports = results.map(({ output, error }, i) => ({ region: regions[i], error, ...output }))
  const came = reports.filter((report) => !report.error)
  const exposure = {}
  for (const { positions } of came) {
    for (const [symbol, value] of Object.entries(positions)) exposure[symbol] = round((exposure[symbol] ?? 0) + value)
  }
  const months = came[0]?.monthly.map((_, i) => came.reduce((sum, { monthly }) => sum + monthly[i], 0)) ?? []
  return {
    value: round(came.reduce((sum, { value }) => sum + value, 0)),
    exposure,
    worstMonth: round(Math.min(0, ...months)),
    regions: came.map(({ region, by, value, monthly }) => ({ region, by, value, worstMonth: round(Math.min(0, ...monthly)) })),
    missing: reports.filter(({ error }) => error).map(({ region, error }) => ({ region, error })),
  }
}

const round = (number) => Math.round(number * 100) / 100

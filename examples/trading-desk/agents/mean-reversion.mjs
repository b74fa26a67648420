import { badInput } from './serve.mjs'

const LOOKBACK = Number(process.env.LOOKBACK ?? 12)

/** Expects prices to come back to their mean: how many standard deviations the last one is away from it. */
export function meanReversion({ symbol, prices }) {
  if (!Array.isArray(prices) || prices.length < LOOKBACK) throw badInput(`mean reversion needs prices of at least ${LOOKBACK} points`)
  const recent = prices.slice(-LOOKBACK)
  const mean = recent.reduce((sum, p) => sum + p, 0) / recent.length
  const deviation = Math.sqrt(recent.reduce((sum, p) => sum + (p - mean) ** 2, 0) / recent.length)
  const z = deviation === 0 ? 0 : (recent.at(-1) - mean) / deviation
  return { symbol, signal: z > 1 ? 'sell' : z < -1 ? 'buy' : 'hold', score: round(-z), lookback: LOOKBACK }
}

const round = (x) => Math.round(x * 1000) / 1000

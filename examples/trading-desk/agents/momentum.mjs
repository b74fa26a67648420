import { badInput } from './serve.mjs'

const LOOKBACK = Number(process.env.LOOKBACK ?? 12)

/** Follows the trend: the return over the last `LOOKBACK` points, in units of its usual size. */
export function momentum({ symbol, prices }) {
  if (!Array.isArray(prices) || prices.length < LOOKBACK + 1) throw badInput(`momentum needs prices of at least ${LOOKBACK + 1} points`)
  const recent = prices.slice(-LOOKBACK - 1)
  const returns = recent.slice(1).map((price, i) => price / recent[i] - 1)
  const total = recent.at(-1) / recent[0] - 1
  const volatility = Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0) / returns.length) * Math.sqrt(returns.length)
  const score = volatility === 0 ? 0 : total / volatility
  return { symbol, signal: score > 0.5 ? 'buy' : score < -0.5 ? 'sell' : 'hold', score: round(score), lookback: LOOKBACK }
}

const round = (x) => Math.round(x * 1000) / 1000

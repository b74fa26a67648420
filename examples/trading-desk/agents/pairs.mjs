import { badInput } from './serve.mjs'

const LOOKBACK = Number(process.env.LOOKBACK ?? 12)

/** Trades two prices that move together: the spread of their logarithms after a least-squares hedge, as a z-score. */
export function pairs({ symbols, series }) {
  const [a, b] = (series ?? []).map((prices) => prices.slice(-LOOKBACK * 2).map(Math.log))
  if (!a || !b || a.length !== b.length || a.length < LOOKBACK)
    throw badInput(`pairs needs two series of the same length, at least ${LOOKBACK} points`)
  const mean = (xs) => xs.reduce((sum, x) => sum + x, 0) / xs.length
  const [meanA, meanB] = [mean(a), mean(b)]
  const covariance = a.reduce((sum, x, i) => sum + (x - meanA) * (b[i] - meanB), 0)
  const variance = b.reduce((sum, x) => sum + (x - meanB) ** 2, 0)
  const hedge = variance === 0 ? 0 : covariance / variance
  const spread = a.map((x, i) => x - meanA - hedge * (b[i] - meanB))
  const deviation = Math.sqrt(spread.reduce((sum, x) => sum + x * x, 0) / spread.length)
  const z = deviation === 0 ? 0 : spread.at(-1) / deviation
  const signal = z > 1 ? `sell ${symbols?.[0]}, buy ${symbols?.[1]}` : z < -1 ? `buy ${symbols?.[0]}, sell ${symbols?.[1]}` : 'hold'
  return { symbols, signal, score: round(-z), hedge: round(hedge), lookback: LOOKBACK }
}

const round = (x) => Math.round(x * 1000) / 1000

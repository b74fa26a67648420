const YEAR = 12

/** Follows the trend: the return of a year, in units of its usual size. */
export function momentum({ symbol, prices }) {
  const year = prices.slice(-YEAR - 1)
  const returns = returnsOf(year)
  const usual = Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0))
  return { symbol, score: round(usual === 0 ? 0 : (year.at(-1) / year[0] - 1) / usual) }
}

/** Expects two prices that move together to come back to each other: above zero, the first one of the pair is cheap. */
export function pairs({ pair, series }) {
  const [a, b] = series.map((prices) => prices.slice(-2 * YEAR).map(Math.log))
  const spread = a.map((price, i) => price - b[i])
  const deviation = Math.sqrt(mean(spread.map((s) => (s - mean(spread)) ** 2)))
  return { pair, score: round(deviation === 0 ? 0 : (mean(spread) - spread.at(-1)) / deviation) }
}

/** How alike the returns of two series are, from -1 to 1. */
export function correlation(a, b) {
  const [x, y] = [returnsOf(a.slice(-2 * YEAR)), returnsOf(b.slice(-2 * YEAR))]
  const [meanX, meanY] = [mean(x), mean(y)]
  const covariance = mean(x.map((r, i) => (r - meanX) * (y[i] - meanY)))
  const spread = Math.sqrt(mean(x.map((r) => (r - meanX) ** 2)) * mean(y.map((r) => (r - meanY) ** 2)))
  return spread === 0 ? 0 : covariance / spread
}

const returnsOf = (prices) => prices.slice(1).map((price, i) => price / prices[i] - 1)
const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
const round = (number) => Math.round(number * 1000) / 1000

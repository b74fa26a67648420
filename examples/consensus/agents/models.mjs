const YEAR = 12

/** Follows the trend: the return of a year, in units of its usual size. */
export function momentum(symbol, prices) {
  const year = prices[symbol].slice(-YEAR - 1)
  const returns = year.slice(1).map((price, i) => price / year[i] - 1)
  const usual = Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0))
  return usual === 0 ? 0 : (year.at(-1) / year[0] - 1) / usual
}

/** Expects a price to come back to its mean of a year. */
export function reversion(symbol, prices) {
  return -lastDeviation(prices[symbol].slice(-YEAR))
}

/** Expects the price to come back to where the others have gone: the share against the mean of all others over two years. */
export function pairs(symbol, prices) {
  const own = prices[symbol].slice(-2 * YEAR).map(Math.log)
  const others = Object.entries(prices).filter(([name]) => name !== symbol)
  const market = own.map((_, i) => mean(others.map(([, series]) => Math.log(series.at(i - own.length)))))
  return -lastDeviation(own.map((price, i) => price - market[i]))
}

/** How many standard deviations the last number is above the mean. */
function lastDeviation(numbers) {
  const average = mean(numbers)
  const deviation = Math.sqrt(mean(numbers.map((n) => (n - average) ** 2)))
  return deviation === 0 ? 0 : (numbers.at(-1) - average) / deviation
}

const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

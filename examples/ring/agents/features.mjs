const YEAR = 12

/** What a signal is made from: the return of a year, the volatility of a year, and how far the price is from its highest. */
export function features({ symbol, prices, dropped }) {
  const returns = prices.slice(1).map((price, i) => price / prices[i] - 1)
  const recent = returns.slice(-YEAR)
  const average = recent.reduce((sum, r) => sum + r, 0) / recent.length
  const variance = recent.reduce((sum, r) => sum + (r - average) ** 2, 0) / (recent.length - 1)
  return {
    symbol,
    dropped,
    price: prices.at(-1),
    yearReturn: prices.at(-1) / prices.at(-1 - YEAR) - 1,
    yearVolatility: Math.sqrt(variance * YEAR),
    belowHighest: 1 - prices.at(-1) / Math.max(...prices),
  }
}

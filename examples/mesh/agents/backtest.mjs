/** Holds the share while the mean of its last `fast` prices is above that of its last `slow` ones. Monthly prices. */
export function backtest(prices, fast, slow) {
  const returns = []
  let trades = 0
  let held = 0
  for (let month = slow - 1; month + 1 < prices.length; month += 1) {
    const holds = mean(prices.slice(month + 1 - fast, month + 1)) > mean(prices.slice(month + 1 - slow, month + 1)) ? 1 : 0
    if (holds !== held) trades += 1
    held = holds
    returns.push(held * (prices[month + 1] / prices[month] - 1))
  }
  const value = returns.reduce((values, r) => [...values, values.at(-1) * (1 + r)], [1])
  let peak = 0
  const drawdowns = value.map((v) => 1 - v / (peak = Math.max(peak, v)))
  return {
    months: returns.length,
    trades,
    totalReturnPercent: round((value.at(-1) - 1) * 100),
    holdReturnPercent: round((prices.at(-1) / prices[slow - 1] - 1) * 100),
    sharpe: round(sharpeOf(returns)),
    maxDrawdownPercent: round(Math.max(...drawdowns) * 100),
  }
}

/** Return for each unit of risk, a year. */
export function sharpeOf(returns) {
  const average = mean(returns)
  const deviation = Math.sqrt(mean(returns.map((r) => (r - average) ** 2)))
  return deviation === 0 ? 0 : (average / deviation) * Math.sqrt(12)
}

const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length
const round = (number) => Math.round(number * 100) / 100

const TARGET_VOLATILITY = 0.1 // a year, of the whole position
const MOST = 0.25 // of the capital
const DEEP_FALL = 0.5

/** How much of the capital the signal may move: less the more the price moves, half after a deep fall. */
export function risk({ symbol, price, dropped, signal, score, yearVolatility, belowHighest }) {
  const side = { buy: 1, sell: -1, hold: 0 }[signal]
  const caution = belowHighest > DEEP_FALL ? 0.5 : 1
  const share = side * Math.min(MOST, TARGET_VOLATILITY / yearVolatility) * caution
  return { symbol, price, signal, score: round(score), positionPercent: round(share * 100), dropped }
}

const round = (number) => Math.round(number * 100) / 100

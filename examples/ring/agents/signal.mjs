/** Buys what has risen by more than half of what it moves in a year, sells what has fallen by as much. */
export function signal(features) {
  const score = features.yearVolatility === 0 ? 0 : features.yearReturn / features.yearVolatility
  return { ...features, score, signal: score > 0.5 ? 'buy' : score < -0.5 ? 'sell' : 'hold' }
}

import { setTimeout as pause } from 'node:timers/promises'

/** Versions of one model, as they might have been released one after the other. Prices are monthly; a score is a return in units of its risk. */
export const MODELS = {
  /** The trend of the last year. */
  v1: (prices) => trend(prices.slice(-13)),
  /** Good: without the last month, which more often turns than goes on. */
  v2: (prices) => trend(prices.slice(-13, -1)),
  /** Bad: it also looks at the price four years ago. Shares that have not been traded for so long have none. */
  v3: (prices) => 0.5 * trend(prices.slice(-13)) + 0.5 * Math.log(prices.at(-1) / prices.at(-48)),
  /** Right, but too slow: it asks a service that takes its time. */
  v4: async (prices) => {
    await pause(400)
    return trend(prices.slice(-13))
  },
}

function trend(prices) {
  const returns = prices.slice(1).map((price, i) => price / prices[i] - 1)
  const risk = Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0))
  return risk === 0 ? 0 : (prices.at(-1) / prices[0] - 1) / risk
}

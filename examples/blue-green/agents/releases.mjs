import { badInput } from './serve.mjs'

/**
 * Releases of a pipeline: `features` measures a share, `score` makes a signal of that. From r2 on the first stage hands over something else
 * than before, so that no stage of r1 can work with one of another release: a mixture of both must never be.
 */
export const RELEASES = {
  /** Hands over the trend of a year, in units of its risk. */
  r1: {
    features: ({ symbol, prices }) => ({ symbol, trend: trend(lastYear(prices)) }),
    score: ({ symbol, trend }) => signal('r1', symbol, trend),
  },
  /** Good: hands over returns, so that the second stage can weigh them. */
  r2: {
    features: ({ symbol, prices }) => ({ symbol, returns: returnsOf(lastYear(prices)) }),
    score: ({ symbol, returns }) => signal('r2', symbol, weighed(returns)),
  },
  /** Bad: takes the root of a score to tame high ones, and there is none of a year of losses. */
  r3: {
    features: ({ symbol, prices }) => ({ symbol, returns: returnsOf(lastYear(prices)) }),
    score: ({ symbol, returns }) => signal('r3', symbol, Math.sqrt(weighed(returns))),
  },
  /** Worse: the second stage waits for what the first one has never handed over. */
  r4: {
    features: ({ symbol, prices }) => ({ symbol, returns: returnsOf(lastYear(prices)) }),
    score: ({ symbol, changes }) => signal('r4', symbol, weighed(changes)),
  },
}

function signal(release, symbol, score) {
  // A score that is no number is the mistake of this release and not of the task: it is held against the agent.
  if (!Number.isFinite(score)) throw new Error(`${release} has no score for ${symbol}`)
  return { symbol, release, signal: score > 0.5 ? 'buy' : score < -0.5 ? 'sell' : 'hold', score: Math.round(score * 100) / 100 }
}

function lastYear(prices) {
  if (!Array.isArray(prices) || prices.length < 13) throw badInput('prices must have at least 13 points')
  return prices.slice(-13)
}

const returnsOf = (prices) => prices.slice(1).map((price, i) => price / prices[i] - 1)
const riskOf = (returns) => Math.sqrt(returns.reduce((sum, r) => sum + r * r, 0))

function trend(prices) {
  return (prices.at(-1) / prices[0] - 1) / riskOf(returnsOf(prices))
}

/** Returns in units of their risk; the newest one counts twice as much as the oldest one. */
function weighed(returns) {
  return returns.reduce((sum, r, i) => sum + r * (1 + i / (returns.length - 1)), 0) / 1.5 / riskOf(returns)
}

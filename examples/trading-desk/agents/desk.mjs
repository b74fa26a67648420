// An agent of the desk: it knows all strategies, or only the one that STRATEGY names.
import { badInput, serve } from './serve.mjs'
import { meanReversion } from './mean-reversion.mjs'
import { momentum } from './momentum.mjs'
import { pairs } from './pairs.mjs'

const STRATEGIES = { momentum, pairs, 'mean-reversion': meanReversion }
const only = process.env.STRATEGY

serve((input) => {
  const name = only ?? input?.strategy
  const strategy = STRATEGIES[name]
  if (!strategy) throw badInput(`input.strategy must be one of ${Object.keys(STRATEGIES).join(', ')}, not ${JSON.stringify(name)}`)
  const output = strategy(input)
  // A score that is no number is the mistake of this agent and not of the task: another one may do better.
  if (!Number.isFinite(output.score)) throw new Error(`${name} has no score: is LOOKBACK (${process.env.LOOKBACK}) a number of months?`)
  return { strategy: name, ...output }
})

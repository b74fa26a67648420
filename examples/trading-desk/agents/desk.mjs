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
  return { strategy: name, ...strategy(input) }
})

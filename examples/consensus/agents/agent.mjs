// A voter: asks the model that MODEL names, and votes with the weight that the model's certainty gives.
import { momentum, pairs, reversion } from './models.mjs'
import { badInput, serve } from './serve.mjs'

const MODELS = { momentum, reversion, pairs }
const model = MODELS[process.env.MODEL]
if (!model) throw new Error(`MODEL must be one of ${Object.keys(MODELS).join(', ')}`)

serve({
  async work({ symbol, prices, thinkMs = {} }) {
    if (!prices?.[symbol] || prices[symbol].length < 24) throw badInput(`prices.${symbol} must have at least 24 points`)
    // A model that has to think for long, to show what happens to its vote: thinkMs: { pairs: 2000 }.
    await new Promise((resolve) => setTimeout(resolve, thinkMs[process.env.MODEL] ?? 0))
    return voteOf(model(symbol, prices))
  },
})

/** A score says how much is to be gained, in standard deviations. Small ones are a vote for holding. */
function voteOf(score) {
  const certainty = Math.min(1, Math.abs(score) / 2)
  const choice = score > 0.5 ? 'buy' : score < -0.5 ? 'sell' : 'hold'
  return { choice, weight: round(choice === 'hold' ? 1 - certainty : certainty) }
}

const round = (number) => Math.round(number * 100) / 100

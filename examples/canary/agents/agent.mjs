// An agent that says buy, sell or hold, by the version of the model that MODEL names.
import { MODELS } from './models.mjs'
import { badInput, serve } from './serve.mjs'

const version = process.env.MODEL ?? 'v1'
const model = MODELS[version]
if (!model) throw new Error(`MODEL must be one of ${Object.keys(MODELS).join(', ')}, not ${version}`)

serve({
  async work({ symbol, prices }) {
    if (!Array.isArray(prices) || prices.length < 24) throw badInput('prices must have at least 24 points')
    const score = await model(prices)
    // A score that is no number is the model's mistake and not the task's: an error that is held against this agent.
    if (!Number.isFinite(score)) throw new Error(`${version} has no score for ${symbol}`)
    return { symbol, model: version, signal: score > 0.5 ? 'buy' : score < -0.5 ? 'sell' : 'hold', score: Math.round(score * 100) / 100 }
  },
})

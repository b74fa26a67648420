// An agent of the mesh: any of them backtests any strategy on any prices.
import { backtest } from './backtest.mjs'
import { luckOf } from './luck.mjs'
import { badInput, serve, swarm } from './serve.mjs'
import { once, routes } from './shared.mjs'

serve({
  async work({ symbol, prices, fast, slow }) {
    if (!(fast >= 1 && fast < slow)) throw badInput(`fast must be at least 1 and below slow, not ${fast} and ${slow}`)
    if (!Array.isArray(prices) || prices.length < slow + 2) throw badInput(`prices must have at least ${slow + 2} points`)
    const tested = backtest(prices, fast, slow)
    // How well chance does depends on the prices only: one agent works it out, the others ask that one.
    const { value: luck, from } = await once('luck', prices)
    const below = luck.filter((sharpe) => sharpe < tested.sharpe).length
    const betterThanLuckPercent = Math.round((below * 1000) / luck.length) / 10
    return { symbol, fast, slow, ...tested, betterThanLuckPercent, luckFrom: from, neighbours: swarm.neighbours.length }
  },
  routes: routes({ luck: luckOf }),
})

import { sharpeOf } from './backtest.mjs'

const STRATEGIES = 2000
const STAYS = 5 / 6 // a position is kept for six months on average

/** The Sharpe ratios of strategies that buy and sell by chance. The same prices give the same ratios. */
export function luckOf(prices) {
  const returns = prices.slice(1).map((price, i) => price / prices[i] - 1)
  const random = generator(prices.length)
  return Array.from({ length: STRATEGIES }, () => {
    let holds = random() < 0.5
    return sharpeOf(
      returns.map((r) => {
        if (random() > STAYS) holds = !holds
        return holds ? r : 0
      }),
    )
  })
}

/** mulberry32: numbers from 0 to 1 that look random, the same for the same seed. */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

import { badInput, swarm } from './serve.mjs'

/** What this region holds: symbol and number of shares; a number below zero is sold short. */
const HOLDS = (process.env.HOLDS ?? '').split(' ').map((text) => text.split(':'))

/** What the book is worth at the last prices, and what it would have won or lost in each month before. */
export function report({ prices }) {
  const unknown = HOLDS.filter(([symbol]) => !prices[symbol]).map(([symbol]) => symbol)
  if (unknown.length > 0) throw badInput(`prices has nothing for ${unknown.join(', ')}`)
  const positions = Object.fromEntries(HOLDS.map(([symbol, count]) => [symbol, round(count * prices[symbol].at(-1))]))
  const months = Math.min(...HOLDS.map(([symbol]) => prices[symbol].length))
  const monthly = Array.from({ length: months - 1 }, (_, i) =>
    round(HOLDS.reduce((sum, [symbol, count]) => sum + count * (prices[symbol].at(i + 1 - months) - prices[symbol].at(i - months)), 0)),
  )
  return { by: swarm.agent, value: round(Object.values(positions).reduce((sum, v) => sum + v, 0)), positions, monthly }
}

const round = (number) => Math.round(number * 100) / 100

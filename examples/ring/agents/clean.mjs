import { badInput } from './serve.mjs'

/** Reads CSV text (symbol, date, price): drops what is no price, sorts by date, keeps the last of several prices of a day. */
export function clean({ csv }) {
  if (typeof csv !== 'string') throw badInput('csv must be a text of lines "symbol,date,price"')
  const prices = new Map()
  let dropped = 0
  for (const line of csv.split('\n')) {
    const [symbol, date, price] = line.split(',')
    const day = Date.parse(`${date} UTC`)
    if (symbol && Number.isFinite(day) && Number(price) > 0) prices.set(day, { symbol, price: Number(price) })
    else if (line.trim() !== '' && line !== 'symbol,date,price') dropped += 1
  }
  if (prices.size < 14) throw badInput(`csv must have at least 14 prices, not ${prices.size}`)
  const days = [...prices.keys()].sort((a, b) => a - b)
  return { symbol: prices.get(days[0]).symbol, prices: days.map((day) => prices.get(day).price), dropped }
}

import { readFileSync } from 'node:fs'

/** Points that a task carries. */
const WINDOW = 36

/** One task for the desk. */
export type DeskTask = { input: { strategy: string; [field: string]: unknown }; capability: string }

/** Monthly closing prices of five shares, from the vega-datasets package: CSV of symbol, date, price. */
export const PRICES_FILE = new URL('../data/stocks.csv', import.meta.resolve('vega-datasets'))

/** Prices by symbol. */
export function readPrices(file = PRICES_FILE): Map<string, number[]> {
  const prices = new Map<string, number[]>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
    const [symbol = '', , price = ''] = line.split(',')
    prices.set(symbol, [...(prices.get(symbol) ?? []), Number(price)])
  }
  return prices
}

/** `count` tasks: each month of the series asks every strategy about every symbol and every pair, until there are enough. */
export function tasksFrom(prices: ReadonlyMap<string, readonly number[]>, count: number): DeskTask[] {
  const all: DeskTask[] = []
  const longest = Math.max(...[...prices.values()].map((series) => series.length))
  for (let end = WINDOW; end <= longest; end += 1) {
    const windows = [...prices]
      .filter(([, series]) => series.length >= end)
      .map(([symbol, series]) => ({ symbol, prices: series.slice(end - WINDOW, end) }))
    for (const window of windows) {
      for (const strategy of ['momentum', 'mean-reversion']) all.push({ capability: strategy, input: { strategy, ...window } })
    }
    for (const [i, a] of windows.entries()) {
      for (const b of windows.slice(i + 1)) {
        all.push({ capability: 'pairs', input: { strategy: 'pairs', symbols: [a.symbol, b.symbol], series: [a.prices, b.prices] } })
      }
    }
  }
  return Array.from({ length: count }, (_, i) => all[i % all.length]).filter((task) => task !== undefined)
}

/** Prices of the same months for every symbol: `months` of them, ending `back` months before the last one. */
export function pricesUntil(prices: ReadonlyMap<string, readonly number[]>, back = 0, months = WINDOW): Record<string, readonly number[]> {
  return Object.fromEntries(
    [...prices].map(([symbol, series]) => [symbol, series.slice(series.length - back - months, series.length - back)]),
  )
}

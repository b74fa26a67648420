import { badInput } from './serve.mjs'
import { correlation, momentum } from './signals.mjs'

const PAIRS = 4

/** Splits a universe of prices: the momentum of every symbol, and the pairs that move together most. */
export function plan({ universe }) {
  const symbols = Object.keys(universe ?? {})
  if (symbols.length === 0) throw badInput('universe must have the prices of at least one symbol')
  if (symbols.length === 1)
    return { output: merge({ universe }, [{ output: momentum({ symbol: symbols[0], prices: universe[symbols[0]] }) }]) } // not worth the way
  const all = symbols.flatMap((a, i) => symbols.slice(i + 1).map((b) => [a, b]))
  const closest = all.sort((x, y) => closeness(universe, y) - closeness(universe, x)).slice(0, PAIRS)
  return {
    subtasks: [
      ...symbols.map((symbol) => ({ capability: 'momentum', input: { symbol, prices: universe[symbol] } })),
      ...closest.map((pair) => ({ capability: 'pairs', input: { pair, series: pair.map((symbol) => universe[symbol]) } })),
    ],
  }
}

const closeness = (universe, [a, b]) => correlation(universe[a], universe[b])

/** Ranks the symbols by what momentum and pairs say of them; what could not be computed is named. */
export function merge({ universe }, results) {
  const scores = new Map(Object.keys(universe).map((symbol) => [symbol, { symbol, score: 0, momentum: 0, pairs: 0 }]))
  const add = (symbol, kind, points) => {
    const entry = scores.get(symbol)
    entry[kind] = round(entry[kind] + points)
    entry.score = round(entry.score + points)
  }
  for (const { output } of results) {
    if (!output) continue
    if (output.symbol) add(output.symbol, 'momentum', output.score)
    for (const [i, symbol] of (output.pair ?? []).entries()) add(symbol, 'pairs', i === 0 ? output.score : -output.score)
  }
  return {
    ranking: [...scores.values()].sort((a, b) => b.score - a.score),
    analysts: [...new Set(results.flatMap(({ output }) => output?.by ?? []))],
    missing: results.filter(({ error }) => error).length,
  }
}

const round = (number) => Math.round(number * 1000) / 1000

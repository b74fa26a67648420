import type { HttpAnswer } from './http-client.ts'
import { jsonOf, unexpected } from './answer.ts'
import { SourceError } from './source-error.ts'
import { valueAt } from './value-at.ts'

/**
 * The number in an answer of Prometheus to an instant query; undefined when there is none.
 *
 * | result                 | number                       |
 * |------------------------|------------------------------|
 * | scalar                 | it                           |
 * | vector of one sample   | it                           |
 * | empty vector, NaN      | undefined                    |
 * | several series         | SourceError: aggregate them  |
 * | histogram, matrix, text | SourceError                 |
 */
export function numberOf(answer: HttpAnswer): number | undefined {
  const { address, status } = answer
  const isOk = status >= 200 && status < 300
  if (!isOk && !answer.body.startsWith('{')) throw unexpected(answer)
  const json = jsonOf(answer)
  if (valueAt(json, 'status') === 'error') {
    const said = String(valueAt(json, 'error')).slice(0, 200)
    throw new SourceError(`${address} cannot answer the query: ${said}`)
  }
  const result = valueAt(json, 'data.result')
  if (!isOk || valueAt(json, 'status') !== 'success' || !Array.isArray(result)) throw unexpected(answer)
  switch (valueAt(json, 'data.resultType')) {
    case 'scalar':
      return parse(valueAt(result, '1'), address)
    case 'vector': {
      if (result.length === 0) return undefined
      if (result.length > 1)
        throw new SourceError(`the query at ${address} gives ${result.length} series, not one; aggregate them, for instance with sum()`)
      return parse(valueAt(result, '0.value.1'), address)
    }
    default:
      throw new SourceError(`the query at ${address} gives a ${String(valueAt(json, 'data.resultType'))}; write one that gives a number`)
  }
}

const INFINITE: Readonly<Record<string, number>> = { '+Inf': Infinity, Inf: Infinity, '-Inf': -Infinity }

function parse(text: unknown, address: string): number | undefined {
  if (text === 'NaN') return undefined
  const value = typeof text === 'string' && text !== '' ? (INFINITE[text] ?? Number(text)) : NaN
  if (Number.isNaN(value)) throw new SourceError(`the query at ${address} gives something that is not a number; write one that does`)
  return value
}

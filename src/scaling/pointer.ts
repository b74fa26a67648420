/** The number that a JSON pointer (RFC 6901) leads to, also where it is written as text; undefined where none is. */
export function numberAt(json: unknown, pointer: string): number | undefined {
  const value = pointer === '' ? json : pointer.split('/').slice(1).reduce(step, json)
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

function step(value: unknown, escaped: string): unknown {
  const key = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  if (Array.isArray(value) && !/^(0|[1-9][0-9]*)$/.test(key)) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}

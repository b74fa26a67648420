// Reading what a client sent: every value is checked before use, so that a malformed message ends in a clear answer.

/** A value that may have fields. */
export type Fields = Readonly<Record<string, unknown>>

/** Whether the value is a JSON object. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as something with fields; anything else has none. */
export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? Object.fromEntries(Object.entries(value)) : {}
}

/** Whether a value nests more objects and lists than so many; what does could not be written as JSON again. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  let layer: unknown[] = [value]
  for (let level = 0; level < levels && layer.length > 0; level++) layer = layer.flatMap(childrenOf)
  return layer.some((item) => typeof item === 'object' && item !== null)
}

const childrenOf = (value: unknown): unknown[] => (typeof value === 'object' && value !== null ? Object.values(value) : [])

/** Whether the value is an object whose values are all texts. */
export function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
}

/** A text field, or undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A whole number; Connect's JSON also writes 64-bit numbers as text. */
export function integerOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined
}

/** A map of texts; entries of another type are left out. */
export function textMapOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** A list of texts; entries of another type are left out. */
export function textListOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}

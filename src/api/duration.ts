const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a duration such as `1m30s`; undefined when the text is not one. */
export function parseDuration(text: string): number | undefined {
  if (!/^([0-9]+(ms|s|m|h))+$/.test(text)) return undefined
  let total = 0
  for (const [, count = '', unit = ''] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) total += Number(count) * (UNIT_MS[unit] ?? 0)
  return Number.isSafeInteger(total) ? total : undefined
}

/** Milliseconds of a duration that the API server has already checked. Throws a RangeError on anything else. */
export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new RangeError(`not a duration: ${JSON.stringify(text)}; write it as 500ms, 30s or 1m30s`)
  return ms
}

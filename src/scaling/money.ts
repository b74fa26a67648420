const MICROS_A_DOLLAR = 1_000_000n

/** Micro-dollars of a decimal string such as `10.00`; undefined when it is none, or finer than a micro-dollar. */
export function parseDollars(text: string): bigint | undefined {
  const [, whole, fraction = ''] = /^([0-9]{1,12})(?:[.]([0-9]{1,6}))?$/.exec(text) ?? []
  return whole === undefined ? undefined : BigInt(whole) * MICROS_A_DOLLAR + BigInt(fraction.padEnd(6, '0'))
}

/** The decimal string of an amount that is not below zero: at least two decimals, as many as it needs. */
export function formatDollars(micros: bigint): string {
  const fraction = String(micros % MICROS_A_DOLLAR).padStart(6, '0')
  return `${micros / MICROS_A_DOLLAR}.${fraction.slice(0, 2)}${fraction.slice(2).replace(/0+$/, '')}`
}

/** A 32-bit hash of a text (FNV-1a with a final mix), the same in every router and after every restart. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Hash of a pair of hashes, for rendezvous hashing: one multiplication a candidate instead of a walk over its name. */
export function mixPair(a: number, b: number): number {
  return mix(a ^ Math.imul(b, 0x9e3779b1))
}

/** The hash as a number above 0 and below 1. */
export function unitOf(hash: number): number {
  return (hash + 0.5) / 0x1_0000_0000
}

function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

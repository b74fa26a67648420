import { MAX_JSON_DEPTH } from './limits.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether JSON nests deeper than tasks and answers may. Looks at the bytes only, before anything recursive touches the text: what parses
 * may still be too deep to be written again.
 */
export function isTooDeep(body: Buffer): boolean {
  if (body.length <= MAX_JSON_DEPTH) return false
  let depth = 0
  let isText = false
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]
    if (isText) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) isText = false
    } else if (byte === QUOTE) isText = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_JSON_DEPTH) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}

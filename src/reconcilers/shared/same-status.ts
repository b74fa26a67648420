import { isDeepStrictEqual } from 'node:util'

/** Whether a write would change nothing; fields that are undefined count as absent. */
export function sameStatus(stored: object | undefined, wanted: object): boolean {
  return isDeepStrictEqual(stored, JSON.parse(JSON.stringify(wanted)))
}

import type { HttpAnswer } from './http-client.ts'
import { MAX_ANSWER_BYTES, SHOWN_CHARS } from './limits.ts'
import { SourceError } from './source-error.ts'

/** The beginning of an answer in one line, for people. */
export const excerptOf = (body: string) =>
  body
    .slice(0, 4 * SHOWN_CHARS)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, SHOWN_CHARS)

/** Says that an answer is not what was asked for. */
export function unexpected({ address, status, body }: HttpAnswer): SourceError {
  const excerpt = excerptOf(body)
  const said = `${address} answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`
  if (status >= 300 && status < 400)
    return new SourceError(`${address} answered ${status}, and redirects are not followed; write the final address`)
  if (status === 401 || status === 403) return new SourceError(`${said}; see whether the token is right`)
  return new SourceError(said)
}

/** The JSON of an answer; undefined for one without content. Throws SourceError for anything else. */
export function jsonOf(answer: HttpAnswer): unknown {
  const { address, status, body, isCut } = answer
  if (isCut) throw new SourceError(`${address} answered with more than ${MAX_ANSWER_BYTES / 1024} KiB; ask it for less`)
  if (status === 204) return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new SourceError(`${address} answered ${status}, but not with JSON: ${excerptOf(body)}`)
  }
}

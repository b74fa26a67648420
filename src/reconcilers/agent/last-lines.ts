import { stripVTControlCharacters } from 'node:util'

/** Characters that are told, so that an Event has room for them. */
const MOST_CHARS = 700

/** Control characters but for the ends of lines and tabs. */
const NO_TEXT = /[^\P{Cc}\n\t]/gu

/** The last lines of an output that fit into an Event, whole if possible, without what would steer a terminal. */
export function lastLines(output: string): string {
  const text = stripVTControlCharacters(output).replaceAll(NO_TEXT, '').trimEnd()
  if (text.length <= MOST_CHARS) return text
  const cut = text.slice(-MOST_CHARS)
  const line = cut.indexOf('\n')
  return line < 0 ? cut : cut.slice(line + 1)
}

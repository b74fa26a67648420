const CSI = '(?:\\u001b\\[|\\u009b)([0-?]*[ -/]*)'
const STRING = '(?:\\u001b[\\]PX^_]|[\\u0090\\u0098\\u009d-\\u009f])[^\\u0007\\u001b\\u009c\\n]*'
const ESCAPE = '\\u001b[ -/]*'

/**
 * What steers a terminal, in the order in which it is looked for: sequences that begin with CSI; strings such as those that set titles and
 * clipboards, which end in their line; other escapes; ends of lines; all other control characters but tabs (ECMA-48).
 */
const CONTROLS = new RegExp(
  [`${CSI}([@-~])`, `${STRING}(?:\\u0007|\\u001b\\\\|\\u009c)`, `${ESCAPE}[0-~]`, '\\r*\\n', '\\r+', '[^\\P{Cc}\\t]'].join('|'),
  'gu',
)

/** The beginning of such a thing at the end of a text, whose rest may still come. */
const BEGUN = new RegExp(`(?:${CSI}|${STRING}\\u001b?|${ESCAPE}|\\r+)$`, 'u')

/** Characters that are held back for such a rest. */
const MOST_HELD = 4_096

const RESET = '\u001b[0m'

/**
 * Takes out of a text what would steer the terminal that shows it, however it comes in pieces: text of agents must not move the cursor, forge the
 * lines of others, or write the clipboard. Colours stay, to the end of their line. A return to the beginning of a line begins another one.
 */
export class Cleaner {
  #held = ''
  #isColoured = false

  /** What can be shown by now. */
  add(piece: string): string {
    const text = this.#held + piece
    const begun = BEGUN.exec(text)
    const isHeld = begun !== null && text.length - begun.index <= MOST_HELD
    this.#held = isHeld ? text.slice(begun.index) : ''
    return this.#clean(isHeld ? text.slice(0, begun.index) : text)
  }

  /** What is left of a text that is over. */
  end(): string {
    const rest = this.#clean(this.#held) + (this.#isColoured ? RESET : '')
    this.#held = ''
    this.#isColoured = false
    return rest
  }

  #clean(text: string): string {
    return text.replaceAll(CONTROLS, (all: string, parameters: string | undefined, final: string | undefined) => {
      if (/^[\r\n]/.test(all)) return this.#endOfLine()
      if (final !== 'm' || !/^[\d;:]*$/.test(parameters ?? '')) return ''
      this.#isColoured = !/^0*$/.test(parameters ?? '')
      return `\u001b[${parameters}m`
    })
  }

  #endOfLine(): string {
    const reset = this.#isColoured ? RESET : ''
    this.#isColoured = false
    return `${reset}\n`
  }
}

/** A whole text without what would steer a terminal. */
export function cleaned(text: string): string {
  const cleaner = new Cleaner()
  return cleaner.add(text) + cleaner.end()
}

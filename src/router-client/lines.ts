import { StringDecoder } from 'node:string_decoder'

/** Puts lines together from chunks; a line that grows beyond the limit throws a RangeError. */
export class Lines {
  readonly #maxChars: number
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(maxChars: number) {
    this.#maxChars = maxChars
  }

  /** The lines that this chunk completes, without their ends; empty ones are left out. */
  push(chunk: Uint8Array): string[] {
    const text = this.#decoder.write(chunk)
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > this.#maxChars || lines.some((line) => line.length > this.#maxChars)) {
      this.#rest = ''
      throw new RangeError(`a line has more than ${this.#maxChars} characters`)
    }
    return lines.filter((line) => line !== '')
  }
}

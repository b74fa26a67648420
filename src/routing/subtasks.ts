/** One piece of a task, as a coordinator plans it. */
export type Subtask = { readonly input: unknown; readonly capability?: string }

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads the subtasks in an answer; or says what is wrong with them. */
export function readSubtasks(value: unknown, maxCapabilityChars: number): readonly Subtask[] | string {
  if (!Array.isArray(value)) return 'subtasks that are not a list'
  const subtasks: Subtask[] = []
  for (const [i, item] of (value as readonly unknown[]).entries()) {
    if (!isRecord(item) || !('input' in item)) return `subtasks of which number ${i} is not an object that has an input`
    const { input, capability } = item
    if (capability === undefined || capability === null) subtasks.push({ input })
    else if (typeof capability === 'string' && capability.length > 0 && capability.length <= maxCapabilityChars) {
      subtasks.push({ input, capability })
    } else return `subtasks of which number ${i} has a capability that is not a text of 1 to ${maxCapabilityChars} characters`
  }
  return subtasks
}

/** The results of subtasks as JSON text, in the order of the subtasks and in bounded memory. */
export class Results {
  readonly #texts: string[]
  readonly #maxBytes: number
  #bytes = 0

  constructor(count: number, maxBytes: number) {
    this.#texts = Array.from({ length: count }, () => 'null')
    this.#maxBytes = maxBytes
  }

  /** Keeps the output of a subtask; false when there is no room for it any more. */
  done(index: number, output: unknown): boolean {
    const json = `{"output":${JSON.stringify(output)}}`
    const bytes = this.#bytes + Buffer.byteLength(json)
    if (bytes > this.#maxBytes) return false
    this.#bytes = bytes
    this.#texts[index] = json
    return true
  }

  /** Keeps why there is no output; there is always room for that. */
  failed(index: number, error: Readonly<Record<string, unknown>>): void {
    this.#texts[index] = JSON.stringify({ error })
  }

  /** All of them as one JSON list. */
  get json(): string {
    return `[${this.#texts.join(',')}]`
  }
}

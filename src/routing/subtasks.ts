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

/** How one subtask ended, as the coordinator that merges is told: JSON text. */
export type ResultText = { readonly json: string; readonly isDone: boolean }

/**
 * The results in their order as one JSON list of at most `maxBytes`. Outputs that do not fit any more are replaced by
 * `tooLarge`: the coordinator decides what a task without them is worth.
 */
export function joinResults(results: readonly ResultText[], maxBytes: number, tooLarge: string): string {
  const spare = (tooLarge.length + 1) * results.length
  let left = maxBytes - spare
  const texts = results.map(({ json, isDone }) => {
    const bytes = Buffer.byteLength(json)
    if (isDone && bytes > left) return tooLarge
    left -= bytes
    return json
  })
  return `[${texts.join(',')}]`
}

/** Characters that are told, so that an Event has room for them. */
const MOST_CHARS = 700

/** The last lines of an output that fit into an Event, whole if possible, without what would steer a terminal. */
export function lastLines(output: string): string {
  const text = output
    .replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '') // colours
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .trimEnd()
  if (text.length <= MOST_CHARS) return text
  const cut = text.slice(-MOST_CHARS)
  const line = cut.indexOf('\n')
  return line < 0 ? cut : cut.slice(line + 1)
}

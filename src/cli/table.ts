/** How a cell is meant: good, to be looked at, bad, or of little weight. */
export type Tone = 'good' | 'warn' | 'bad' | 'dim'

/** A text, perhaps with a tone. */
export type Cell = string | { readonly text: string; readonly tone: Tone }

/** Marks a text with its tone, or leaves it as it is. */
export type Paint = (text: string, tone: Tone) => string

const CODE: Readonly<Record<Tone, number>> = { good: 32, warn: 33, bad: 31, dim: 2 }

/** Colours for a terminal (ECMA-48, Select Graphic Rendition). */
export const inColour: Paint = (text, tone) => `\u001b[${CODE[tone]}m${text}\u001b[0m`

/** No colours: for files, pipes and people who have set NO_COLOR. */
export const plain: Paint = (text) => text

const GAP = '   '

/** Lines with aligned columns under a heading; the last column is as long as it is. */
export function table(heading: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const all = [heading, ...rows]
  const widths = heading.map((_name, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))))
  return all.map((row) => lineOf(row, widths, paint)).join('')
}

function lineOf(row: readonly Cell[], widths: readonly number[], paint: Paint): string {
  const cells = widths.map((width, column) => {
    const cell = row[column] ?? ''
    const padding = ' '.repeat(width - widthOf(cell))
    return (typeof cell === 'string' ? cell : paint(cell.text, cell.tone)) + padding
  })
  return `${cells.join(GAP).trimEnd()}\n`
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text)
const widthOf = (cell: Cell): number => textOf(cell).length

/** A row of a tree with those below it. */
export type Branch = { readonly name: string; readonly cells: readonly Cell[]; readonly below: readonly Branch[] }

/** The rows of a tree, with its lines before the names. */
export function rowsOf({ name, cells, below }: Branch, first = '', rest = ''): Cell[][] {
  return [
    [first + name, ...cells],
    ...below.flatMap((branch, i) => {
      const isLast = i === below.length - 1
      return rowsOf(branch, `${rest}${isLast ? '└─ ' : '├─ '}`, `${rest}${isLast ? '   ' : '│  '}`)
    }),
  ]
}

/** An age as kubectl writes it: 45s, 12m, 3h20m, 5d4h. */
export function ageOf(time: string | undefined, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(time ?? '')) / 1_000))
  if (Number.isNaN(seconds)) return ''
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit))
  if (minutes === undefined || hours === undefined || days === undefined || seconds < 120) return `${seconds}s`
  if (hours < 3) return `${minutes}m`
  if (days < 2) return `${hours}h${minutes % 60 > 0 ? `${minutes % 60}m` : ''}`
  return `${days}d${hours % 24 > 0 ? `${hours % 24}h` : ''}`
}

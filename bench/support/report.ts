import type { Figure } from '../benchmark.ts'

/** What one benchmark has brought. */
export type Result = {
  readonly name: string
  readonly what: string
  readonly seconds: number
  readonly figures: readonly Figure[]
  readonly error?: string
}

/** One run of benchmarks, as it is stored. */
export type Report = {
  readonly date: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  /** Processes that wanted a core just before the run: what else the machine was doing. */
  readonly loadBefore: number
  readonly quick: boolean
  readonly results: readonly Result[]
}

/** A report as Markdown that is readable as it is. */
export function reportText(report: Report): string {
  const { date, node, cpu, cores, loadBefore, quick, results } = report
  const head = [
    '# Benchmarks',
    '',
    `${date}, Node ${node}, ${cores} × ${cpu}, load before ${numberText(loadBefore)}${quick ? '. **Quick run: the sizes are too small to say much**' : ''}`,
  ]
  return `${[...head, ...results.flatMap(resultLines)].join('\n')}\n`
}

function resultLines({ name, what, seconds, figures, error }: Result): string[] {
  const rows = figures.map((f) => [f.name, valueText(f), spreadText(f), besideText(f)])
  const table = figures.length > 0 ? ['', ...tableLines(['figure', 'median', 'from – to', 'beside'], rows)] : []
  const failure = error === undefined ? [] : ['', `**Failed**: ${error}`]
  return ['', `## ${name}`, `${what} (${Math.round(seconds)} s)`, ...table, ...failure]
}

/** The lines of a table whose columns are aligned; all but the first and the last are numbers, unless all are text. */
export function tableLines(head: readonly string[], rows: readonly (readonly string[])[], { isText = false } = {}): string[] {
  const widths = head.map((_, i) => Math.max(3, ...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const isNumber = (i: number) => !isText && i > 0 && i < head.length - 1
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (isNumber(i) ? (cells[i] ?? '').padStart(width) : (cells[i] ?? '').padEnd(width))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (isNumber(i) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  return [line(head), rule, ...rows.map(line)]
}

/** A number with about three digits that mean something. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size >= 10_000) return Math.round(value).toLocaleString('en-GB')
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value))
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}

const valueText = ({ value, unit }: Figure) => `${numberText(value)}${unit && ` ${unit}`}`

function spreadText({ least, most }: Figure): string {
  return least === undefined || most === undefined ? '' : `${numberText(least)} – ${numberText(most)}`
}

function besideText({ beside = {}, note }: Figure): string {
  const parts = Object.entries(beside).map(([name, value]) => `${name} ${numberText(value)}`)
  return [...parts, ...(note === undefined ? [] : [note])].join('; ')
}

const BEGIN = '<!-- values, written by `make generate` -->'
const END = '<!-- end of values -->'

/** A value of the chart: its path, what it is when nobody sets it, and what it is for. */
export type ChartValue = { readonly path: string; readonly value: string; readonly text: string }

/**
 * The values of a values.yaml with their comments that begin with `# --`. A mapping or list over several lines is shown as `…`
 * where it has such a comment; where it has none, the values in it are told one by one.
 */
export function chartValues(yaml: string): ChartValue[] {
  const values: ChartValue[] = []
  const above: { indent: number; key: string; isWhole: boolean }[] = []
  let comment = ''
  for (const line of yaml.split('\n')) {
    const [, note] = /^\s*# ?(.*)$/.exec(line) ?? []
    if (note !== undefined) comment = note.startsWith('-- ') ? note.slice(3) : comment && `${comment} ${note}`
    const [, space = '', key = '', value = ''] = /^(\s*)([A-Za-z][\w.]*):\s*(.*)$/.exec(line) ?? []
    if (key === '') {
      if (line.trim() === '') comment = ''
      continue
    }
    while ((above.at(-1)?.indent ?? -1) >= space.length) above.pop()
    const path = [...above.map((parent) => parent.key), key].join('.')
    const isInside = above.some(({ isWhole }) => isWhole)
    const isWhole = value === '' && comment !== ''
    if (!isInside && (value !== '' || isWhole)) values.push({ path, value: value === '' ? '…' : value, text: comment })
    above.push({ indent: space.length, key, isWhole })
    comment = ''
  }
  return values
}

/** The page with the table of values between its two marks. */
export function withValues(page: string, yaml: string): string {
  const [before, rest = ''] = page.split(BEGIN)
  const [, after = ''] = rest.split(END)
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const rows = chartValues(yaml).map(({ path, value, text }) => `| \`${path}\` | \`${cell(value)}\` | ${cell(text)} |`)
  return [`${before ?? ''}${BEGIN}`, '', '| value | default | meaning |', '| --- | --- | --- |', ...rows, '', `${END}${after}`].join('\n')
}

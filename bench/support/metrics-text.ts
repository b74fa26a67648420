/** One series of a scrape. */
export type Sample = { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g

/** Reads metrics in the Prometheus text format. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return []
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', word = '']) => [key, unescape(word)] as const)
    return [{ name, labels: Object.fromEntries(pairs), value: numberOf(value) }]
  })
}

/** The sum of the series of this name; 0 when there is none. */
export function sumOf(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, sample) => (sample.name === name ? sum + sample.value : sum), 0)
}

/** The same, apart by what `key` makes of the labels; series without a key are left out. */
export function sumsBy(
  samples: readonly Sample[],
  name: string,
  key: (labels: Sample['labels']) => string | undefined,
): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const sample of samples) {
    const at = sample.name === name ? key(sample.labels) : undefined
    if (at !== undefined) sums[at] = (sums[at] ?? 0) + sample.value
  }
  return sums
}

const unescape = (word: string) => word.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity
  return text === '-Inf' ? -Infinity : Number(text)
}

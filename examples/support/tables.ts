import type { Answer } from './client.ts'

/** The share of each agent, as bars. */
export function shares(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { agent, ok } of answers) if (ok) counts.set(agent, (counts.get(agent) ?? 0) + 1)
  const most = Math.max(1, ...counts.values())
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([agent, n]) =>
        `  ${agent.padEnd(28)} ${String(n).padStart(5)}  ${((n * 100) / answers.length).toFixed(1).padStart(5)} %  ${'█'.repeat(Math.round((n * 30) / most))}`,
    )
    .join('\n')
}

/** One line about a run: how many, how many failed, how long. */
export function summary(answers: readonly Answer[]): string {
  const times = answers.map((a) => a.ms).sort((a, b) => a - b)
  const at = (q: number) => (times[Math.min(times.length - 1, Math.floor(times.length * q))] ?? 0).toFixed(1)
  const failed = answers.filter((a) => !a.ok)
  const retried = answers.filter((a) => a.ok && a.setbacks > 0).length
  const first = failed[0] ? `; first: ${failed[0].problem}` : ''
  return `  ${answers.length} tasks, ${failed.length} lost, ${retried} done after a failed attempt, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms${first}`
}

/** Tasks by the revision that did them. */
export function revisions(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { revision } of answers) counts.set(revision, (counts.get(revision) ?? 0) + 1)
  return [...counts].map(([revision, n]) => `${n} by revision ${revision || 'none'}`).join(', ')
}

/** Rows under a head, aligned. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) => widths.map((width, i) => (row[i] ?? '').padEnd(width)).join('  ').trimEnd() // prettier-ignore
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n')
}

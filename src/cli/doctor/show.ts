import { table, type Cell, type Paint, type Tone } from '../table.ts'
import type { Finding } from './judge.ts'

const TONE: Readonly<Record<Finding['level'], Tone>> = { ok: 'good', warn: 'warn', fail: 'bad' }

/** One line a finding, what to do below it, and how much there is of it. */
export function findingsText(findings: readonly Finding[], paint: Paint): string {
  const rows = findings.flatMap(({ check, level, message, advice }): Cell[][] => [
    [{ text: level, tone: TONE[level] }, check, message],
    ...(advice === undefined || level === 'ok' ? [] : [['', '', { text: `→ ${advice}`, tone: 'dim' } as const]]),
  ])
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  return `${table(['', 'CHECK', 'FINDING'], rows, paint)}\n${count('fail')} wrong, ${count('warn')} to be looked at, ${count('ok')} well\n`
}

import { describe, it } from 'mocha'
import { expect } from 'chai'
import { countLatency } from '../stats/latency.ts'
import { judge, limitsOf, type Figures, type Verdict } from './judge.ts'

const LIMITS = limitsOf({
  cpuPercent: { degraded: 75, critical: 90 },
  memoryPercent: { degraded: 75, critical: 90 },
  errorPercent: { degraded: 5, critical: 10 },
  latency: { degraded: '2s', critical: '5s' },
  window: '1m',
  minTasks: 20,
})
const tasks = (done: number, failed: number, ms = 10) => {
  const latency: number[] = []
  for (let i = 0; i < done; i += 1) countLatency(latency, ms)
  return { tasks: { done, failed, latency } }
}
const usage = (cpuPercent: number, memoryPercent: number) => ({ usage: { cpuPercent, memoryPercent } })
const verdict = (state: Verdict['state'], reason: string, message: string): Verdict => ({ state, reason, message })
const FINE = verdict('Healthy', 'Healthy', 'all figures are below the levels of spec.health')

const CASES: Record<string, { figures: Figures; before?: Verdict; want: Verdict }> = {
  'nothing known is nothing bad': { figures: {}, want: FINE },
  'no tasks at all': { figures: tasks(0, 0), want: FINE },
  'figures below every level': { figures: { ...tasks(96, 4), ...usage(74, 74) }, want: FINE },
  'errors at the first level': { figures: tasks(95, 5), want: verdict('Degraded', 'ErrorsHigh', 'error rate 5 % of 100 tasks') },
  'errors at the second level': { figures: tasks(211, 29), want: verdict('Critical', 'ErrorsHigh', 'error rate 12 % of 240 tasks') },
  'one failure of two is no share': { figures: tasks(1, 1), want: FINE },
  'nineteen failures of nineteen are no share either': { figures: tasks(0, 19), want: FINE },
  'twenty failures of twenty are': { figures: tasks(0, 20), want: verdict('Critical', 'ErrorsHigh', 'error rate 100 % of 20 tasks') },
  'nineteen failures of nineteen are still what twenty were': {
    figures: tasks(0, 19),
    before: verdict('Critical', 'ErrorsHigh', ''),
    want: verdict('Critical', 'ErrorsHigh', 'error rate 100 % of 19 tasks'),
  },
  'nine of nine are not any more': { figures: tasks(0, 9), before: verdict('Critical', 'ErrorsHigh', ''), want: FINE },
  'slow tasks': { figures: tasks(8, 0, 2_400), want: verdict('Degraded', 'LatencyHigh', '95 % of 8 tasks took up to 2.5 s') },
  'very slow tasks': { figures: tasks(5, 0, 6_000), want: verdict('Critical', 'LatencyHigh', '95 % of 5 tasks took up to 7.4 s') },
  'four slow tasks are too few': { figures: tasks(4, 0, 6_000), want: FINE },
  'but not where it has been slow': {
    figures: tasks(4, 0, 6_000),
    before: verdict('Degraded', 'LatencyHigh', ''),
    want: verdict('Critical', 'LatencyHigh', '95 % of 4 tasks took up to 7.4 s'),
  },
  'a busy processor': { figures: usage(75, 10), want: verdict('Degraded', 'CpuHigh', 'processor 75 % used') },
  'a full memory': { figures: usage(10, 95.4), want: verdict('Critical', 'MemoryHigh', 'memory 95 % used') },
  'the worst of several': {
    figures: { ...tasks(94, 6), ...usage(80, 93) },
    want: verdict('Critical', 'MemoryHigh', 'memory 93 % used'),
  },
  'the first of several that are equally bad': {
    figures: { ...tasks(94, 6), ...usage(80, 10) },
    want: verdict('Degraded', 'ErrorsHigh', 'error rate 6 % of 100 tasks'),
  },
  'the reason before, of several that are equally bad': {
    figures: { ...tasks(94, 6), ...usage(80, 10) },
    before: verdict('Degraded', 'CpuHigh', ''),
    want: verdict('Degraded', 'CpuHigh', 'processor 80 % used'),
  },
  'a little below the level that it has left': {
    figures: usage(82, 10),
    before: verdict('Critical', 'CpuHigh', ''),
    want: verdict('Critical', 'CpuHigh', 'processor 82 % used'),
  },
  'well below the level that it has left': {
    figures: usage(80, 10),
    before: verdict('Critical', 'CpuHigh', ''),
    want: verdict('Degraded', 'CpuHigh', 'processor 80 % used'),
  },
  'a little below the first level': {
    figures: usage(70, 10),
    before: verdict('Degraded', 'CpuHigh', ''),
    want: verdict('Degraded', 'CpuHigh', 'processor 70 % used'),
  },
  'the same figure without that history': { figures: usage(70, 10), before: verdict('Degraded', 'ErrorsHigh', ''), want: FINE },
}

describe('the judgement of an agent', () => {
  for (const [name, c] of Object.entries(CASES)) it(name, () => expect(judge(c.figures, LIMITS, c.before)).to.deep.equal(c.want))
})

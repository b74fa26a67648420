import { describe, it } from 'mocha'
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../benchmark.ts'
import { patternTable, withTable } from './patterns.ts'
import type { Report } from './report.ts'

const EMPTY: Report = { date: '2026-01-02T00:00:00Z', node: 'v24', cpu: 'Test', cores: 2, loadBefore: 0, quick: false, results: [] }

/** Every figure that the table asks for, with one value. */
function complete(): Report {
  const figures = new Map<string, Figure[]>()
  for (;;) {
    const report = { ...EMPTY, results: [...figures].map(([name, list]) => ({ name, what: '', seconds: 1, figures: list })) }
    try {
      patternTable(report)
      return report
    } catch (error) {
      const [, name = '', benchmark = ''] = /figure "(.+)" of (\w+);/.exec(String(error)) ?? []
      const list = figures.get(benchmark) ?? []
      figures.set(benchmark, [...list, { name, unit: 'ms', value: 7, note: 'of 90 in 5 rounds' }])
      if (benchmark === '') throw error
    }
  }
}

describe('the table of patterns', () => {
  it('is made from the figures of a run', () => {
    const table = patternTable(complete())
    expect(table).to.match(/\| Star: the hub killed +\| by hand +\| [^|]+\| 7 of 90 tasks lost, detected in 7 ms, longest pause/)
    expect(table).to.contain('Measured 2026-01-02 on 2 × Test')
  })

  it('says what to run when a figure is missing', () => {
    expect(() => patternTable(EMPTY)).to.throw('run: node bench/run.ts topologies consensus failover rollouts rollback')
  })

  it('has its place in the README, with every pattern', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
    const names = patternTable(complete())
      .split('\n')
      .slice(2)
      .flatMap((line) => /^\| (.+?) +\|/.exec(line)?.[1] ?? [])
    expect(names).to.have.length.greaterThan(10)
    expect(names.filter((name) => !readme.includes(`| ${name} `))).to.deep.equal([])
    expect(withTable(readme, 'x')).to.contain('patterns.ts -->\n\nx\n\n<!-- end')
  })
})

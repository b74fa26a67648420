import { describe, it } from 'mocha'
import { expect } from 'chai'
import { numberText, reportText, tableLines } from './report.ts'

describe('a table', () => {
  it('aligns words to the left and numbers to the right', () =>
    expect(
      tableLines(
        ['figure', 'median', 'beside'],
        [
          ['time', '12.5 s', 'target 4'],
          ['requests', '3', ''],
        ],
      ),
    ).to.deep.equal([
      '| figure   | median | beside   |',
      '|----------|-------:|----------|',
      '| time     | 12.5 s | target 4 |',
      '| requests |      3 |          |',
    ]))

  it('is only a head without rows', () => expect(tableLines(['a', 'b'], [])).to.deep.equal(['| a   | b   |', '|-----|-----|']))
})

describe('a number as text', () => {
  const cases: Record<string, string> = { '0': '0', '0.01234': '0.012', '0.5': '0.50', '4.567': '4.57', '45.67': '45.7', '456.7': '457', '45678.9': '45,679' } // prettier-ignore
  for (const [value, want] of Object.entries(cases)) it(`${value} is ${want}`, () => expect(numberText(Number(value))).to.equal(want))
  it('no number stays none', () => expect(numberText(NaN)).to.equal('NaN'))
})

describe('a report as text', () => {
  const report = { date: '2026-01-02T03:04:05.000Z', node: 'v24.0.0', cpu: 'Some CPU', cores: 2, loadBefore: 0.25, quick: false }

  it('has the machine, the figures with what they are read against, and failures', () => {
    const figures = [
      { name: 'time', unit: 's', value: 2, least: 1, most: 3.25, beside: { target: 4.6 }, note: 'cold' },
      { name: 'ratio', unit: '', value: 1.5 },
    ]
    const results = [
      { name: 'a', what: 'Something.', seconds: 12.4, figures },
      { name: 'b', what: 'Another thing.', seconds: 1, figures: [], error: 'it broke' },
    ]
    expect(reportText({ ...report, results }).split('\n')).to.deep.equal([
      '# Benchmarks',
      '',
      '2026-01-02T03:04:05.000Z, Node v24.0.0, 2 × Some CPU, load before 0.25',
      '',
      '## a',
      'Something. (12 s)',
      '',
      '| figure | median | from – to | beside            |',
      '|--------|-------:|----------:|-------------------|',
      '| time   |    2 s |  1 – 3.25 | target 4.60; cold |',
      '| ratio  |   1.50 |           |                   |',
      '',
      '## b',
      'Another thing. (1 s)',
      '',
      '**Failed**: it broke',
      '',
    ])
  })

  it('says that a quick run says little', () => expect(reportText({ ...report, quick: true, results: [] })).to.include('**Quick run'))
})

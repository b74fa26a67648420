import { describe, it } from 'mocha'
import { expect } from 'chai'
import { ageOf, inColour, plain, rowsOf, table } from './table.ts'

describe('what the plugin prints', () => {
  it('is aligned in columns, with or without colours', () => {
    const rows = [
      ['desk', { text: 'Ready', tone: 'good' as const }, '2m'],
      ['a-long-name', '', '3d'],
    ]
    expect(table(['NAME', 'STATUS', 'AGE'], rows, plain)).to.equal(
      'NAME          STATUS   AGE\ndesk          Ready    2m\na-long-name            3d\n',
    )
    expect(table(['NAME', 'STATUS', 'AGE'], rows, inColour).split('\n')[1]).to.equal('desk          \u001b[32mReady\u001b[0m    2m')
  })

  it('shows by lines what belongs to what', () => {
    const leaf = (name: string) => ({ name, cells: [], below: [] })
    const tree = {
      name: 'desk',
      cells: ['x'],
      below: [
        { name: 'r1', cells: ['y'], below: [leaf('a'), leaf('b')] },
        { name: 'r2', cells: [], below: [leaf('c')] },
      ],
    }
    expect(rowsOf(tree)).to.deep.equal([['desk', 'x'], ['├─ r1', 'y'], ['│  ├─ a'], ['│  └─ b'], ['└─ r2'], ['   └─ c']])
  })

  const AGES: Record<string, string> = {
    '2026-01-03T03:59:15Z': '45s',
    '2026-01-03T03:58:00Z': '2m',
    '2026-01-03T01:01:00Z': '179m',
    '2026-01-03T00:40:00Z': '3h20m',
    '2026-01-03T00:00:00Z': '4h',
    '2026-01-01T00:00:00Z': '2d4h',
    '2026-01-04T00:00:00Z': '0s',
  }
  for (const [time, want] of Object.entries(AGES))
    it(`says ${want} for ${time}`, () => expect(ageOf(time, Date.parse('2026-01-03T04:00:00Z'))).to.equal(want))

  it('says nothing of an age that is not known', () => expect(ageOf(undefined, 0)).to.equal(''))
})

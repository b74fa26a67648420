import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ownerOf } from './data-dir.ts'

describe('ownerOf', () => {
  const cases: Record<string, [text: string, want: ReturnType<typeof ownerOf>]> = {
    'reads everything': ['s1\n42\nMon Jan 1\n', { serverId: 's1', pid: 42, startedAt: 'Mon Jan 1' }],
    'reads a server alone': ['s1', { serverId: 's1', pid: undefined, startedAt: '' }],
    'reads nothing': ['', { serverId: '', pid: undefined, startedAt: '' }],
    'takes no text for a process': ['s1\nx\ny', { serverId: 's1', pid: undefined, startedAt: 'y' }],
  }
  for (const [name, [text, want]] of Object.entries(cases)) it(name, () => expect(ownerOf(text)).to.deep.equal(want))
})

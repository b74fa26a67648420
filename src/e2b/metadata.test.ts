import { expect } from 'chai'
import { describe, it } from 'mocha'
import { METADATA, ownerOf, stampOf } from './metadata.ts'

const owner = { operator: 'o', namespace: 'n', swarm: 's', swarmUid: 'su', agent: 'a', agentUid: 'au', nonce: 'x', revision: 'r' }

describe('metadata', () => {
  it('reads back the owner that it stamped', () => expect(ownerOf(stampOf(owner))).to.deep.equal(owner))
  it('stamps under keys of its own group', () => {
    expect(Object.keys(stampOf(owner)).every((key) => key.startsWith('swarmops.dev/'))).to.equal(true)
  })
  for (const [field, key] of Object.entries(METADATA)) {
    it(`finds no owner without ${field}`, () => {
      const { [key]: _, ...rest } = stampOf(owner)
      expect(ownerOf(rest)).to.equal(undefined)
    })
  }
})

import { it } from 'mocha'
import { expect } from 'chai'
import { guardSettingsOf } from './guarding.ts'

it('a guard follows what the operator has written: the run, both revisions, and the rules with the window in milliseconds', () => {
  const asked = { run: 'ab-1', revision: 'v2', stable: 'v1', maxErrorPercent: 10, minSamples: 20, window: '1m30s' }
  expect(guardSettingsOf(asked)).to.deep.equal({
    run: 'ab-1',
    revision: 'v2',
    inFavourOf: 'v1',
    rules: { maxErrorPercent: 10, minSamples: 20, windowMs: 90_000 },
  })
})

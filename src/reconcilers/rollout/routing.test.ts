import { it } from 'mocha'
import { expect } from 'chai'
import { tripsOf } from './routing.ts'

it('a rollout hears of the trips of its own runs, and not of those of one that its swarm followed before', () => {
  const told = [
    { run: '6f9619ff-1', message: 'of an earlier rollout' },
    { run: '0b7ad2c4-1', message: '3 of 10 attempts failed' },
  ]
  expect(tripsOf('0b7ad2c4-5a3f-4f6e-9a51-1a2b3c4d5e6f', told)).to.deep.equal([{ run: '1', message: '3 of 10 attempts failed' }])
})

import { expect } from 'chai'
import { it } from 'mocha'
import { newSandbox, withKnown } from './sandbox-status.ts'

const made = { id: 's1', port: 8080, startedAtMs: 0, domain: undefined, timeout: undefined, size: undefined }
const sandbox = { id: 's1', port: 8080, state: 'Running', commandStarted: false, startedAt: '1970-01-01T00:00:00.000Z' } as const
const unknown = { timeout: undefined, endsAtMs: undefined, size: undefined }

it('a new sandbox runs, without its command, and says nothing that is not known', () => {
  expect(newSandbox(made)).to.deep.equal(sandbox)
  const size = { cpus: 2, memoryMib: 512 }
  expect(newSandbox({ ...made, domain: 'e2b.app', timeout: '10m', size })).to.deep.equal({
    ...sandbox,
    domain: 'e2b.app',
    timeout: '10m',
    ...size,
  })
})

it('what is known of a sandbox replaces what is stored, and what is not known leaves it', () => {
  const stored = { ...sandbox, timeout: '10m', cpus: 1, memoryMib: 256 }
  expect(withKnown(stored, unknown)).to.deep.equal(stored)
  expect(withKnown(stored, { timeout: '5m', endsAtMs: 1_000, size: { cpus: 2, memoryMib: 512 } })).to.deep.equal({
    ...sandbox,
    timeout: '5m',
    endsAt: '1970-01-01T00:00:01.000Z',
    cpus: 2,
    memoryMib: 512,
  })
})

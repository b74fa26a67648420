import { randomBytes, randomUUID } from 'node:crypto'
import { Sandbox } from 'e2b'
import { DEFAULT_API_KEY } from '../../dev/e2b-local/server.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'
import type { Bed } from './bed.ts'

const PROVIDER_PARALLEL = 128
const API_SERVER_PARALLEL = 16

/** Runs `work` so often, some at a time. Returns the seconds. */
async function timed(count: number, parallel: number, work: () => Promise<unknown>): Promise<number> {
  let left = count
  const started = performance.now()
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await work()
    }
  }
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, worker))
  return (performance.now() - started) / 1000
}

/** Makes so many sandboxes with the e2b package and nothing around it, then ends them. Returns the seconds of the creates. */
export async function createDirectly(bed: Bed, count: number, signal: AbortSignal): Promise<number> {
  const options = { apiKey: DEFAULT_API_KEY, apiUrl: bed.e2bUrl, sandboxUrl: bed.e2bUrl, signal }
  const made: Sandbox[] = []
  const seconds = await timed(count, PROVIDER_PARALLEL, async () => made.push(await Sandbox.create('base', options)))
  await timed(count, PROVIDER_PARALLEL, async () => made.pop()?.kill())
  return seconds
}

/** Makes so many Agents that nobody looks after, and writes the status of each once. Returns the seconds. */
export async function writeDirectly(client: KubeClient, count: number): Promise<number> {
  const namespace = 'default' // no operator of a benchmark watches it
  const swarm = `bench-${randomBytes(4).toString('hex')}`
  const labels = { 'swarmops.dev/swarm': swarm }
  const names: string[] = []
  const seconds = await timed(count, API_SERVER_PARALLEL, async () => {
    const name = `${swarm}-${randomBytes(4).toString('hex')}`
    const spec = { swarm, group: '', role: 'Worker', revision: 'none', nonce: randomUUID(), attempt: 0 }
    const made = await client.create(AGENTS, { metadata: { name, namespace, labels }, spec })
    names.push(name)
    const at = new Date().toISOString()
    const condition = { type: 'Ready', status: 'True', reason: 'Ready', message: 'it is ready', lastTransitionTime: at }
    await client.patchStatus(AGENTS, made, { observedGeneration: 1, conditions: [condition] }, { precondition: 'uid' })
  })
  await timed(count, API_SERVER_PARALLEL, async () => {
    const name = names.pop()
    if (name !== undefined) await client.delete(AGENTS, { namespace, name })
  })
  return seconds
}

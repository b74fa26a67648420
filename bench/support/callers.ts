import { createHash, randomBytes } from 'node:crypto'
import { Registry } from 'prom-client'
import { Access } from '../../src/access/access.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { createLog } from '../../src/log.ts'
import { NamespaceLimits } from '../../src/router/namespace-limits.ts'
import { Accounts } from '../../test/support/accounts.ts'
import type { Context } from '../benchmark.ts'
import type { Family, Work } from './micro.ts'

const TOKENS = 100
const REPEATS = 1_000
const RIGHT = { verb: 'create', namespace: 'default', swarm: 'desk', subresource: 'tasks' } as const

/** What a router does for a task to know that its sender may send it, once the API server has said so. */
export async function callersOf({ controlPlane, ends }: Context): Promise<Family> {
  const { kubeconfig } = await controlPlane()
  const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
  await ends.own(() => client.close())
  const accounts = new Accounts(client, 'default')
  const name = `bench-${randomBytes(4).toString('hex')}`
  await accounts.create(name, [], { everywhere: [{ apiGroups: ['swarmops.dev'], resources: ['swarms/tasks'], verbs: ['create'] }] })
  await ends.own(() => accounts.delete(name))
  const tokens = await Promise.all(Array.from({ length: TOKENS }, async () => `Bearer ${await accounts.token(name)}`))
  const senders = tokens.map((authorization) => ({ headers: { authorization }, socket: {} }))
  const access = new Access({ client, log: createLog({ level: 'error' }), registry: new Registry() })
  for (const sender of senders) {
    const refusal = await access.check(sender, RIGHT)
    if (refusal) throw new Error(`the token is refused: ${refusal.detail}`)
  }
  const limits = new NamespaceLimits({ maxInFlightPerNamespace: 10, tasksPerSecondPerNamespace: 1e9 }, () => performance.now())
  limits.enter('default') // another task is open
  return {
    reference: repeat('reference: SHA-256 of a token', (i) => {
      createHash('sha256')
        .update(tokens[i % TOKENS] ?? '')
        .digest('base64')
    }),
    subjects: [
      repeat(`token and right of a task, ${TOKENS} tokens`, (i) => {
        const sender = senders[i % TOKENS]
        if (!sender || access.check(sender, { ...RIGHT }) !== undefined) throw new Error('the token is not known')
      }),
      repeat('limits of a namespace, for a task', () => {
        if (limits.enter('default')) throw new Error('there are too many tasks')
        limits.leave('default')
      }),
    ],
  }
}

function repeat(name: string, once: (i: number) => void): Work {
  return {
    name,
    operations: REPEATS,
    run: () => {
      for (let i = 0; i < REPEATS; i++) once(i)
    },
  }
}

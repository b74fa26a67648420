import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { programFile } from '../../support/agent-program.ts'
import { kstatus } from '../../support/kstatus.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

/** A trouble of one swarm: how it comes, what is said, how it goes. */
type Trouble = {
  spec?: { template?: object; [field: string]: unknown }
  cause?(system: System): Promise<void>
  reason: string
  message: RegExp
  kstatus: 'InProgress' | 'Failed'
  cure(system: System): Promise<unknown>
}

const SECRET_ENV = { env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'desk', key: 'token' } } }] }
const OWN_KEY = { credentialsSecretRef: { name: 'e2b', key: 'apiKey' } }
const key = async (system: System, apiKey: string) => system.secret('e2b', { apiKey })

const TROUBLES: Record<string, Trouble> = {
  'a missing Secret': {
    spec: { template: SECRET_ENV },
    reason: 'SecretMissing',
    message: /Secret t-\w+\/desk does not exist, variable KEY needs its key token; create it/,
    kstatus: 'InProgress',
    cure: async (system) => system.secret('desk', { token: 'x' }),
  },
  'a Secret without the key': {
    spec: { template: SECRET_ENV },
    cause: async (system) => system.secret('desk', { other: 'x' }),
    reason: 'KeyMissing',
    message: /has no key token, which variable KEY needs; add it/,
    kstatus: 'InProgress',
    cure: async (system) => system.secret('desk', { token: 'x' }),
  },
  'a missing ConfigMap': {
    spec: { template: { files: [programFile('later')] } },
    reason: 'ConfigMapMissing',
    message: /ConfigMap t-\w+\/later does not exist, file agent.mjs needs its key agent.mjs; create it/,
    kstatus: 'InProgress',
    cure: async (system) => system.useAgentProgram('later'),
  },
  'an unknown sandbox template': {
    spec: { template: { sandboxTemplate: 'nosuch' } },
    reason: 'TemplateNotFound',
    message: /template nosuch/,
    kstatus: 'Failed',
    cure: async (system) => system.apply('desk', { replicas: 1 }),
  },
  'a wrong API key': {
    spec: OWN_KEY,
    cause: async (system) => key(system, 'e2b_wrong'),
    reason: 'CredentialsRejected',
    message: /E2B refused the API key/,
    kstatus: 'Failed',
    cure: async (system) => key(system, system.e2b.apiKey),
  },
  'a missing API key': {
    spec: OWN_KEY,
    reason: 'SecretMissing',
    message: /Secret t-\w+\/e2b does not exist, spec.credentialsSecretRef needs its key apiKey; create it/,
    kstatus: 'InProgress',
    cure: async (system) => key(system, system.e2b.apiKey),
  },
  'a program that is not there': {
    spec: { template: { command: ['no-such-program'] } },
    reason: 'CommandExited',
    message: /exit code 127: the program was not found in the sandbox/,
    kstatus: 'InProgress',
    cure: async (system) => system.apply('desk', { replicas: 1 }),
  },
  'a port nobody listens on': {
    spec: { template: { command: ['sleep', '1000'] } },
    reason: 'PortClosed',
    message: /nothing listens on port 8080 yet; the command must listen on the port it is given as PORT/,
    kstatus: 'InProgress',
    cure: async (system) => system.apply('desk', { replicas: 1 }),
  },
  'a readiness path that answers 500': {
    spec: { template: { readiness: { path: '/broken' } } },
    cause: async (system) => system.useAgentProgram('agent', "if (request.url === '/broken') return answer(response, 500, {})"),
    reason: 'NotHealthy',
    message: /GET \/broken on port 8080 does not answer 2xx/,
    kstatus: 'InProgress',
    cure: async (system) => system.apply('desk', { replicas: 1 }),
  },
  'a provider that is down': {
    cause: async (system) => Promise.resolve(system.e2b.admin.setOptions({ failureRate: 1 })),
    reason: 'ProviderUnavailable',
    message: /E2B/,
    kstatus: 'InProgress',
    cure: async (system) => Promise.resolve(system.e2b.admin.setOptions({ failureRate: 0 })),
  },
  'a full account': {
    cause: async (system) => Promise.resolve(system.e2b.admin.setOptions({ maxSandboxes: 1 })),
    spec: { replicas: 2 },
    reason: 'QuotaExceeded',
    message: /sandboxes/,
    kstatus: 'InProgress',
    cure: async (system) => Promise.resolve(system.e2b.admin.setOptions({ maxSandboxes: 0 })),
  },
}

describe('what goes wrong', function () {
  this.timeout(120_000)
  let system: System
  afterEach(async () => system.stop())

  for (const [name, trouble] of Object.entries(TROUBLES)) {
    it(`${name} has a reason and a message of its own, and heals when the cause goes`, async () => {
      system = await System.start()
      await trouble.cause?.(system)
      await system.apply('desk', { replicas: 1, ...trouble.spec })
      const { swarm, agents } = await system.tells('desk', trouble.reason)
      const told = agents.flatMap((a) => a.status?.conditions ?? []).find((c) => c.reason === trouble.reason)
      expect(told?.message).to.match(trouble.message)
      const ready = swarm.status?.conditions?.find((c) => c.type === 'Ready')
      expect([ready?.status, kstatus(swarm)]).to.deep.equal(['False', trouble.kstatus])
      await trouble.cure(system)
      await system.settled('desk', { timeoutMs: 60_000 })
      await system.isExact('desk')
    })
  }

  it('says which key is missing when neither the swarm nor the operator has one', async () => {
    system = await System.start({ ownKey: null })
    await system.apply('desk', { replicas: 1 })
    const { swarm } = await system.tells('desk', 'CredentialsMissing')
    expect(swarm.status?.conditions?.find((c) => c.type === 'Ready')?.message).to.contain('spec.credentialsSecretRef')
    await key(system, system.e2b.apiKey)
    await system.apply('desk', { replicas: 1, ...OWN_KEY })
    await system.settled('desk')
  })

  it("refuses the operator's own tokens as contents, which would renew the agents for ever", async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 1 })
    await system.settled('desk')
    const [key = ''] = (await system.agents('desk')).map((a) => a.metadata.name)
    const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'desk-agent-tokens', key } } }]
    await system.apply('desk', { replicas: 1, template: { env, configUpdates: 'Rollout' } })
    const told = await eventually('the swarm says so', async () =>
      (await system.swarm('desk'))?.status?.conditions?.find((c) => c.reason === 'Forbidden' && c.type === 'Stalled'),
    )
    expect(told.message).to.contain("holds the operator's access tokens")
    await system.apply('desk', { replicas: 1 })
    await system.settled('desk')
  })

  it('shows QuotaExceeded as a condition while agents wait for room', async () => {
    system = await System.start({ e2b: { maxSandboxes: 1 } })
    await system.apply('desk', { replicas: 3 })
    const quota = await eventually('the condition is there', async () =>
      (await system.swarm('desk'))?.status?.conditions?.find((c) => c.type === 'QuotaExceeded'),
    )
    expect(quota).to.include({ status: 'True', reason: 'QuotaExceeded' })
    expect(system.e2b.admin.sandboxes()).to.have.length(1)
    system.e2b.admin.setOptions({ maxSandboxes: 0 })
    const swarm = await system.settled('desk', { timeoutMs: 60_000 })
    expect(swarm.status?.conditions?.map((c) => c.type)).to.deep.equal(['Ready'])
  })

  it('keeps secrets out of status, events, logs and metrics', async () => {
    system = await System.start({ router: true })
    const secret = 'hunter2-hunter2-hunter2'
    await system.secret('desk', { token: secret })
    await system.apply('desk', { replicas: 2, template: SECRET_ENV })
    await system.settled('desk')
    await system.apply('desk', { replicas: 2, template: { ...SECRET_ENV, command: ['node', 'nowhere.mjs'] } })
    await system.tells('desk', 'CommandExited')
    const tokens = await system.tokens('desk')
    expect(tokens, 'each ready agent has a token').to.have.length.of.at.least(2)
    const seen = [
      JSON.stringify([await system.swarm('desk'), await system.agents('desk'), await system.allEvents()]),
      system.operator?.log ?? '',
      system.router?.log ?? '',
      await system.metrics(),
    ].join('\n')
    for (const hidden of [secret, system.e2b.apiKey, ...tokens])
      expect(seen.includes(hidden), `the secret ${hidden.slice(0, 4)}…`).to.equal(false)
  })
})

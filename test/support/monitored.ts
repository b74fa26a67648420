import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SCALING_POLICIES } from '../../src/reconcilers/shared/kinds.ts'
import { Accounts, REVIEW_RULES, ROUTER_RULES } from './accounts.ts'
import { selfSigned } from './certificate.ts'
import type { Load } from './load.ts'
import { MountedSecret } from './mounted-secret.ts'
import { Program } from './programs.ts'
import { RULES_FILE } from './monitoring-pages.ts'
import { Prometheus, type Job } from './prometheus.ts'
import { writeQuota } from './quota-lab.ts'
import { RolloutSystem, SWARM } from './rollout-system.ts'
import type { System } from './system.ts'
import { eventually } from './wait.ts'

const ROOT = join(import.meta.dirname, '../..')

const NAME = 'router.test'

/** Machines that have much to do answer late, and are to be found healthy here. */
export const PATIENT = { readiness: { timeout: '2s', interval: '2s' } }

/** A router and its metrics as the chart protects them: tokens that the API server knows, TLS, and traces to a collector that is away. */
class GuardedRouter {
  readonly #accounts: Accounts
  readonly #secret: MountedSecret
  readonly program: Program
  readonly job: Job

  private constructor(parts: { accounts: Accounts; secret: MountedSecret; program: Program; job: Job }) {
    this.#accounts = parts.accounts
    this.#secret = parts.secret
    this.program = parts.program
    this.job = parts.job
  }

  static async start({ client, namespace, kubeconfig, e2b }: System): Promise<GuardedRouter> {
    const accounts = new Accounts(client, namespace)
    await accounts.create('router', ROUTER_RULES, { everywhere: REVIEW_RULES })
    await accounts.create('scraper', [], { everywhere: [{ nonResourceURLs: ['/metrics'], verbs: ['get'] }] })
    const certificate = selfSigned(NAME, NAME, 90)
    const secret = new MountedSecret(certificate)
    const tls = ['--tls-cert-file', secret.certFile, '--tls-key-file', secret.keyFile]
    const program = await Program.start({
      file: 'operator/router.ts',
      args: [...'--port 0 --log-format json --otlp-endpoint http://127.0.0.1:9 --namespace'.split(' '), namespace, ...tls],
      env: { KUBECONFIG: kubeconfig, E2B_SANDBOX_URL: e2b.url },
      listening: '"router listens"',
    })
    const token = await accounts.token('scraper')
    const job: Job = {
      job_name: 'guarded-router',
      ports: [program.port],
      more: { scheme: 'https', authorization: { credentials: token }, tls_config: { ca_file: secret.certFile, server_name: NAME } },
    }
    return new GuardedRouter({ accounts, secret, program, job })
  }

  async stop(): Promise<void> {
    await this.program.stop()
    this.#secret.remove()
    for (const name of ['router', 'scraper']) await this.#accounts.delete(name)
  }
}

/**
 * A system at work, and a real Prometheus that scrapes it with our alert rules: `desk` has a canary rollout, `pool` a ScalingPolicy, `line` is
 * a ring; tasks are sent to all of them. Alerts that wait for minutes before they
 * fire wait for three seconds.
 */
export class Monitored {
  readonly here: RolloutSystem
  readonly prometheus: Prometheus
  readonly guarded: GuardedRouter
  readonly #loads: Load[]

  private constructor(parts: { here: RolloutSystem; prometheus: Prometheus; guarded: GuardedRouter; loads: Load[] }) {
    this.here = parts.here
    this.prometheus = parts.prometheus
    this.guarded = parts.guarded
    this.#loads = parts.loads
  }

  static async start(): Promise<Monitored> {
    const rollout = { steps: [{ setWeight: 50 }, { pause: { duration: '2s' } }], scaleDownDelay: '1s', abortScaleDownDelay: '1s' }
    const here = await RolloutSystem.start('CanaryRollout', rollout, {
      router: 2,
      swarm: { template: PATIENT },
      operatorArgs: ['--lease-duration', '15s'],
    })
    const { system } = here
    await writeQuota(system, 'caps', { 'swarmops.dev/agents': '50' })
    const guarded = await GuardedRouter.start(system)
    const prometheus = await Prometheus.start({
      jobs: [
        { job_name: 'swarm-operator', ports: [system.operator?.port ?? 0] },
        { job_name: 'swarm-router', ports: system.routers.map(({ port }) => port) },
        guarded.job,
      ],
      rules: readFileSync(join(ROOT, RULES_FILE), 'utf8').replaceAll(/^( +for:) \d+m$/gm, '$1 3s'),
    })
    await pool(system)
    await line(system)
    for (const [swarm, agents] of [
      [SWARM, 4],
      ['pool', 1],
      ['line', 4],
    ] as const)
      await system.tasks.routersSee(swarm, agents)
    const loads = [
      system.keepAsking(SWARM, 4, { sleepMs: 100 }),
      system.keepAsking('pool', 4, { sleepMs: 200 }),
      system.keepAsking('line', 1, { sleepMs: 100 }),
    ]
    return new Monitored({ here, prometheus, guarded, loads })
  }

  get system(): System {
    return this.here.system
  }

  /** A whole rollout of a good revision, and a scale-up. */
  async works(): Promise<void> {
    await this.here.template('good-2', { template: PATIENT })
    await this.here.is('Idle')
    await eventually('the policy has scaled up', async () => ((await this.system.swarm('pool'))?.status?.readyReplicas ?? 0) >= 2)
    for (const swarm of [SWARM, 'pool', 'line']) await this.system.settled(swarm)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loads.map(async (load) => load.stop()))
    await this.prometheus.stop()
    await this.guarded.stop()
    await this.here.stop()
  }
}

async function pool(system: System): Promise<void> {
  const { namespace } = system
  await system.apply('pool', { template: { ...PATIENT, maxConcurrentTasks: 1 }, routing: { queue: { maxPending: 1_000, timeout: '30s' } } })
  await system.settled('pool')
  const metrics = [{ name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }]
  const spec = { target: { swarm: 'pool' }, minReplicas: 1, maxReplicas: 3, metrics, predictive: { mode: 'Scale' } }
  await system.client.apply(SCALING_POLICIES, { metadata: { name: 'pool', namespace }, spec }, { fieldManager: 'test', force: true })
}

async function line(system: System): Promise<void> {
  const stages = ['clean', 'score'].map((name) => ({ name, replicas: 2 }))
  await system.apply('line', { template: PATIENT, groups: stages, topology: { type: 'Ring' } })
  await system.settled('line')
}

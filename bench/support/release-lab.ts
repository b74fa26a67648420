import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Rollout } from '../../src/api/objects.ts'
import { Informer } from '../../src/kube/informer.ts'
import { createLog } from '../../src/log.ts'
import { System } from '../../test/support/system.ts'
import { ROLLOUT_KINDS } from '../../test/support/system-objects.ts'
import type { Context } from '../benchmark.ts'
import { readAttempts, type Attempt } from './attempts.ts'
import { Clients } from './clients.ts'
import { Ends } from './ends.ts'

/** The time that an agent works on a task, in milliseconds. */
const WORK_MS = 10

/** Longest wait for a rollout to do something, in milliseconds. */
const PATIENCE_MS = 60_000

/** Time after which an attempt that had begun before has certainly been noted, in milliseconds. */
const NOTED_MS = 100

const SWARM = 'desk'
const ROLLOUT = 'release'

/**
 * Notes each attempt. While the file `fails` names its revision it answers some of them with 500, in the order that the pattern says (x: fails),
 * for each router apart: so many in so many, and never so many one after the other that a circuit opens.
 */
const PROGRAM = `
import { createServer } from 'node:http'
import { openSync, readFileSync, writeSync } from 'node:fs'
const { PORT, LAB, SWARM_AGENT: agent, SWARM_REVISION: own } = process.env
const notes = openSync(LAB + '/notes-' + agent, 'a')
const clock = () => Number(process.hrtime.bigint()) / 1e6
const turns = []
function isBad(via) {
  const [revision, pattern] = readFileSync(LAB + '/fails', 'utf8').split(' ')
  if (revision !== own) return false
  turns[via] = (turns[via] ?? 0) + 1
  return pattern[turns[via] % pattern.length] === 'x'
}
createServer((request, response) => {
  if (request.method === 'GET') return response.end('{}')
  const arrived = clock()
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const { via } = JSON.parse(Buffer.concat(chunks).toString()).input
    setTimeout(() => {
      const hasFailed = isBad(via)
      response.writeHead(hasFailed ? 500 : 200, { 'content-type': 'application/json' }).end(hasFailed ? '{}' : '{"output":null}')
      writeSync(notes, [own, via, arrived, clock(), hasFailed ? 1 : 0].join(' ') + '\\n')
    }, ${WORK_MS})
  })
}).listen(Number(PORT))
`

/** What is tried out. */
export type ReleaseLabOptions = {
  readonly kind: Rollout['kind']
  readonly spec: object
  readonly routers: number
  readonly replicas: number
}

/** A swarm with a rollout, agents that fail when they are told to, and clients. */
export class ReleaseLab {
  readonly clients: Clients
  readonly #system: System
  readonly #rollouts: Informer<Rollout>
  readonly #dir: string
  readonly #o: ReleaseLabOptions
  readonly #signal: AbortSignal
  readonly #ends = new Ends()
  readonly #read = new Map<string, number>()
  #released = ''
  #stable: string | undefined

  private constructor(system: System, options: ReleaseLabOptions, signal: AbortSignal) {
    const { client, namespace, routers } = system
    this.#system = system
    this.#o = options
    this.#signal = signal
    this.#dir = mkdtempSync(join(tmpdir(), 'swarm-release-'))
    const log = createLog({ level: 'error', shape: 'text' })
    this.#rollouts = new Informer<Rollout>({ client, kind: ROLLOUT_KINDS[options.kind], namespaces: [namespace], log })
    this.clients = new Clients(
      routers.map(({ port }) => `http://127.0.0.1:${port}`),
      `/v1/namespaces/${namespace}/swarms/${SWARM}/tasks`,
    )
  }

  /** Starts everything and waits until the first release has all tasks. */
  static async start({ ends, signal, controlPlane }: Context, options: ReleaseLabOptions): Promise<ReleaseLab> {
    const { kubeconfig } = await controlPlane()
    const system = await System.start({ kubeconfig, router: options.routers })
    const lab = new ReleaseLab(system, options, signal)
    await lab.#ends.own(async () => system.stop())
    await lab.#ends.own(() => rmSync(lab.#dir, { recursive: true, force: true }))
    await lab.#ends.own(async () => lab.#rollouts.stop())
    await lab.#ends.own(async () => lab.clients.stop())
    await ends.own(async () => lab.stop())
    lab.#rollouts.start()
    lab.allDoWell()
    await system.configMap('agent', { 'agent.mjs': PROGRAM })
    await lab.release('first')
    await system.settled(SWARM)
    await lab.follow(options.spec)
    await lab.isPromoted()
    return lab
  }

  /** Ends everything; once more does nothing. */
  async stop(): Promise<void> {
    const failures = await this.#ends.close()
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '))
  }

  /** Changes the template: its agents are of another revision. */
  async release(name: string): Promise<void> {
    this.#released = name
    const env = [
      { name: 'LAB', value: this.#dir },
      { name: 'RELEASE', value: name },
    ]
    await this.#system.apply(SWARM, { replicas: this.#o.replicas, template: { env, maxConcurrentTasks: 16 } })
  }

  /** Changes what the rollout is to do, and waits until it does. */
  async follow(spec: object): Promise<void> {
    const { metadata } = await this.#system.applyRollout(this.#o.kind, ROLLOUT, { swarm: SWARM, ...spec })
    await this.until('the rollout has seen its spec', ({ status }) => status?.observedGeneration === metadata.generation)
  }

  /** Makes this release, or tries it again when it was made before and went back. */
  async tryOut(name: string): Promise<void> {
    if (this.#released === name) await this.#system.request(this.#o.kind, ROLLOUT, 'Retry')
    else await this.release(name)
  }

  /** Agents of this revision fail from now on as the pattern says. */
  fail(revision: string, pattern: string): void {
    // Renamed into place, so that no agent reads half of it.
    writeFileSync(join(this.#dir, 'next'), `${revision} ${pattern}`)
    renameSync(join(this.#dir, 'next'), join(this.#dir, 'fails'))
  }

  allDoWell(): void {
    this.fail('none', '.')
  }

  /** Waits until this holds of the rollout as a watch shows it, in its newest form. */
  async until(what: string, holds: (rollout: Rollout) => boolean): Promise<Rollout> {
    const { promise, resolve, reject } = Promise.withResolvers<Rollout>()
    const { namespace } = this.#system
    const look = () => {
      const rollout = this.#rollouts.get({ namespace, name: ROLLOUT })
      if (rollout?.status?.observedGeneration === rollout?.metadata.generation && rollout && holds(rollout)) resolve(rollout)
    }
    const limit = AbortSignal.any([this.#signal, AbortSignal.timeout(PATIENCE_MS)])
    const fail = () => {
      const { status } = this.#rollouts.get({ namespace, name: ROLLOUT }) ?? {}
      reject(new Error(`waited in vain: ${what}; the status is ${JSON.stringify(status)}`, { cause: limit.reason }))
    }
    const stop = this.#rollouts.onChange(look)
    limit.addEventListener('abort', fail, { once: true })
    look()
    return promise.finally(() => {
      stop()
      limit.removeEventListener('abort', fail)
    })
  }

  /** Waits until all routers give the new revision so many percent of the tasks, and returns its name. */
  async hasShare(percent: number): Promise<string> {
    const isSo = ({ status }: Rollout) => {
      const target = status?.state?.targetRevision
      const share = status?.weights?.find(({ revision }) => revision === target)
      return status?.state?.activity === 'Stepping' && share?.percent === percent && share.inForce === percent
    }
    const { status } = await this.until(`all routers give the new revision ${percent} %`, isSo)
    return status?.state?.targetRevision ?? ''
  }

  /** Waits until all tasks are at the stable revision again, for all routers; returns why. */
  async isBack(): Promise<string> {
    const { status } = await this.until('all tasks are back', ({ status: seen }) => {
      const [only, other] = seen?.weights ?? []
      return seen?.state?.activity === 'Aborted' && other === undefined && only?.inForce === 100
    })
    return `${status?.state?.failure?.reason ?? ''}: ${status?.state?.failure?.message ?? ''}`
  }

  /** Waits until another revision is stable than before, and nothing more is to do. */
  async isPromoted(): Promise<void> {
    const { status } = await this.until('the release is promoted', ({ status: seen }) => {
      const { activity, stableRevision } = seen?.state ?? {}
      return activity === 'Idle' && stableRevision !== undefined && stableRevision !== this.#stable
    })
    this.#stable = status?.state?.stableRevision
  }

  /** Attempts that have ended since this was last asked. */
  async newAttempts(): Promise<Attempt[]> {
    await sleep(NOTED_MS)
    let text = ''
    for (const name of readdirSync(this.#dir).filter((file) => file.startsWith('notes-'))) {
      const notes = readFileSync(join(this.#dir, name))
      const end = notes.lastIndexOf('\n') + 1
      text += notes.toString('utf8', this.#read.get(name) ?? 0, end)
      this.#read.set(name, end)
    }
    return readAttempts(text)
  }
}

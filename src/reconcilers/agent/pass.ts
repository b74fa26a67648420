import { REASON } from '../../api/reasons.ts'
import { DEFAULT_PORT, type Template } from '../../api/template.ts'
import { OperatorError, WaitingError } from '../../errors.ts'
import { AmbiguousCreateError, SandboxGoneError } from '../../e2b/errors.ts'
import type { Provider } from '../../e2b/provider.ts'
import type { Connected } from '../../e2b/session.ts'
import { KeyReader } from '../shared/contents.ts'
import { checksOf } from './checks.ts'
import type { AgentDeps } from './deps.ts'
import { identityVariables, stampFor } from './identity.ts'
import { lastLines } from './last-lines.ts'
import { exitMessage, LOSS_TEXT } from './losses.ts'
import type { Seen } from './observe.ts'
import type { LossReason, Step, World } from './plan.ts'
import { newSandbox, STATE, withKnown, type SandboxStatus } from './sandbox-status.ts'
import { madeFrom, type SandboxSize } from './sightings.ts'

/** How long a pass that has just started an agent waits for it to get ready, so that one status write is enough. Milliseconds. */
const WAIT_READY_MS = 1_000

/** A revision comes before its agents and goes after them; this is only for what happens in between. Milliseconds. */
const REVISION_RETRY_MS = 1_000

/** What the steps of one pass have found out; starts from what is stored. */
export class Pass {
  readonly #seen: Seen
  readonly #deps: AgentDeps
  readonly #signal: AbortSignal
  #session: Connected | undefined
  /** The write of the access token, which goes on beside the start of the agent. */
  #tokenStored: Promise<void> = Promise.resolve()
  /** The look at how large a new sandbox is, which goes on beside its start as well. */
  #sizeSeen: Promise<void> = Promise.resolve()
  world: World
  sandbox: SandboxStatus | undefined
  lost: { reason: LossReason; message: string } | undefined
  /** The last lines of a command that has ended, where its swarm wants them to be told. */
  lastOutput = ''
  isReleased = false

  constructor(seen: Seen, deps: AgentDeps, signal: AbortSignal) {
    this.#seen = seen
    this.#deps = deps
    this.#signal = signal
    this.world = seen.world
    const stored = seen.agent.status?.sandbox
    this.sandbox = stored && withKnown(stored, { timeout: this.#timeout, endsAtMs: deps.sightings.endOf(this.#uid), size: this.#size })
    this.#watch()
  }

  /** Takes one step; the world is afterwards as the step has found or left it. */
  async take(step: Exclude<Step, { do: 'rest' }>): Promise<void> {
    switch (step.do) {
      case 'find':
        return this.#find()
      case 'create':
        return this.#create()
      case 'prepare':
        return this.#prepare()
      case 'start':
        return this.#start()
      case 'check':
        return this.#check()
      case 'inspect':
        return this.#inspect()
      case 'verify':
        return this.#verify()
      case 'pause':
        return this.#pause()
      case 'resume':
        return this.#resume()
      case 'kill':
        await this.#provider.kill(this.#id, this.#call)
        this.#deps.prober.forget(this.#uid)
        return this.#change({ state: 'Gone' })
      case 'release':
        this.isReleased = true
        this.world = { ...this.world, isHeld: false }
        return undefined
      case 'giveUp':
        return this.#giveUp(step.reason)
    }
  }

  get #uid(): string {
    return this.#seen.agent.metadata.uid
  }
  get #provider(): Provider {
    return this.#deps.credentials.providerOf(this.#seen.agent)
  }
  get #call(): { signal: AbortSignal } {
    return { signal: this.#signal }
  }
  get #id(): string {
    return this.sandbox?.id ?? ''
  }
  get #timeout(): string | undefined {
    return this.#seen.swarm?.spec.lifecycle.sandboxTimeout
  }

  /** Looks for a sandbox that an earlier, interrupted create may have left; keeps one, ends the others. */
  async #find(): Promise<void> {
    const nonce = this.#seen.agent.spec.nonce
    const found = (await this.#provider.findByNonce(nonce, this.#call)).sort((a, b) => a.startedAtMs - b.startedAtMs)
    const [kept, ...surplus] = found
    await Promise.all(surplus.map((s) => this.#provider.kill(s.sandboxId, this.#call)))
    this.world = { ...this.world, mayExist: false }
    if (!kept) return
    if (kept.size) this.#deps.sightings.measured(this.#uid, madeFrom(this.#seen.agent), kept.size)
    this.#set({ ...this.#made({ id: kept.sandboxId, startedAtMs: kept.startedAtMs }), state: STATE[kept.state] })
    if (!this.world.deleting) await this.#connected()
  }

  async #create(): Promise<void> {
    const template = this.#template()
    const { agent, swarm, sandboxTimeoutMs: timeoutMs } = this.#seen
    this.#contents(template) // what is missing is found before a sandbox costs anything
    const metadata = stampFor(agent, swarm, this.#deps.operatorId)
    const wanted = { templateId: template.sandboxTemplate, timeoutMs, network: template.network, metadata }
    this.#deps.stores.fresh.delete(agent.spec.nonce)
    try {
      const session = await this.#provider.create(wanted, this.#call)
      this.#set(this.#made({ id: session.sandboxId, startedAtMs: session.startedAtMs, domain: session.domain }))
      this.#adopt(session)
      this.#sizeSeen = this.#measure(session.sandboxId)
      this.#sizeSeen.catch(() => undefined) // heard where it is waited for
    } catch (error) {
      // Only a create that certainly did nothing may be tried again without looking first.
      const isCertain = error instanceof OperatorError && !(error instanceof AmbiguousCreateError)
      if (isCertain && !this.sandbox) this.#deps.stores.fresh.add(agent.spec.nonce)
      throw error
    }
  }

  /** Writes the files into a sandbox of the warm pool, so that they are there when it is taken. */
  async #prepare(): Promise<void> {
    const { files } = this.#contents(this.#template())
    const session = await this.#connected()
    if (!session) return
    await this.#provider.prepare(session.session, files, this.#call)
    this.#deps.prepared.remember(this.#uid, files)
    await this.#tokenStored
    await this.#sizeSeen
    this.#change({ prepared: true, ...this.#size })
    this.world = { ...this.world, isPrepared: true }
  }

  async #start(): Promise<void> {
    const template = this.#template()
    const contents = this.#contents(template)
    const session = await this.#connected()
    if (!session) return
    const env = { ...contents.env, ...identityVariables(this.#seen.agent, template.port) }
    if (!this.#deps.prepared.has(this.#uid, contents.files)) await this.#provider.prepare(session.session, contents.files, this.#call)
    await this.#provider.start(session.session, { command: template.command, env }, this.#call)
    await this.#tokenStored // checks need it; when this fails the start is gone through again, which starts nothing twice
    await this.#sizeSeen
    this.#change({ commandStarted: true, port: template.port, ...this.#size })
    this.#deps.prepared.forget(this.#uid)
    this.#watch()
  }

  async #check(): Promise<void> {
    const justStarted = this.#seen.world.sandbox?.commandStarted !== true
    const health = await this.#deps.prober.becomesReady(this.#uid, justStarted ? WAIT_READY_MS : WAIT_READY_MS / 4, this.#signal)
    // No check has ended yet: the prober wakes this agent when one has.
    this.world = { ...this.world, health: health ?? { outcome: 'no-answer', failures: 0, sinceMs: this.#deps.stores.now() } }
  }

  async #inspect(): Promise<void> {
    const session = await this.#connected()
    if (!session) return
    const exit = await this.#provider.exitOf(session.session, this.#call)
    this.world = { ...this.world, exit: { exited: exit.exited } }
    if (!exit.exited) return
    this.lost = { reason: 'CommandExited', message: exitMessage(exit.code) }
    if (this.#seen.swarm?.spec.lifecycle.lastOutput === 'Event') this.lastOutput = lastLines(exit.logTail)
  }

  /** Asks the provider about a sandbox that seems to be gone: it may be paused, or a check may have lied. */
  async #verify(): Promise<void> {
    const seen = await this.#provider.get(this.#id, this.#call)
    this.#deps.sightings.clear(this.#uid)
    this.#change({ state: seen ? STATE[seen.state] : 'Gone' })
    this.world = { ...this.world, isSuspect: false }
    if (seen?.state !== 'running' || this.world.health?.outcome !== 'sandbox-gone') return
    // The proxy in front of it is behind the times; the next check shows which of the two is right.
    this.world = { ...this.world, health: { ...this.world.health, outcome: 'no-answer' } }
  }

  async #pause(): Promise<void> {
    const outcome = await this.#provider.pause(this.#id, this.#call)
    this.#deps.prober.forget(this.#uid)
    this.#change({ state: outcome === 'gone' ? 'Gone' : 'Paused' })
  }

  async #resume(): Promise<void> {
    if (!(await this.#connected())) return
    this.#watch()
    this.#deps.prober.checkNow(this.#uid)
  }

  /** Ends the sandbox of an agent that will be replaced, so that it costs nothing while it is waiting for that. */
  async #giveUp(reason: LossReason): Promise<void> {
    if (this.sandbox && this.sandbox.state !== 'Gone') await this.#provider.kill(this.#id, this.#call)
    this.#deps.prober.forget(this.#uid)
    if (this.sandbox) this.#change({ state: 'Gone' })
    this.lost ??= { reason, message: LOSS_TEXT[reason] }
    this.world = { ...this.world, isLost: true }
  }

  /** A connection to the sandbox, which also wakes it when it is paused; undefined, and noted as gone, when it is no more. */
  async #connected(): Promise<Connected | undefined> {
    if (this.#session) return this.#session
    try {
      const session = await this.#provider.resume(this.#id, this.#seen.sandboxTimeoutMs, this.#call)
      this.#adopt(session)
      await this.#tokenStored
      this.#change({ state: 'Running', ...(session.domain && { domain: session.domain }) })
      return session
    } catch (error) {
      if (!(error instanceof SandboxGoneError)) throw error
      this.#change({ state: 'Gone' })
      return undefined
    }
  }

  /** Keeps the session for this pass, and the access token for the router. */
  #adopt(session: Connected): void {
    this.#session = session
    const { swarm, agent } = this.#seen
    if (!session.trafficAccessToken || !swarm) return
    this.#tokenStored = this.#deps.tokens.put(swarm, agent.metadata.name, session.trafficAccessToken)
    this.#tokenStored.catch(() => undefined) // heard where it is waited for
  }

  #made({ id, startedAtMs, domain }: { id: string; startedAtMs: number; domain?: string | undefined }): SandboxStatus {
    const port = this.#seen.template?.port ?? DEFAULT_PORT
    return newSandbox({ id, port, startedAtMs, domain, timeout: this.#timeout, size: this.#size })
  }

  /** Asks how large the first sandbox of its kind is. When that fails nothing is lost: the next look at all sandboxes tells. */
  async #measure(sandboxId: string): Promise<void> {
    try {
      await this.#deps.sightings.learn(madeFrom(this.#seen.agent), async () => this.#provider.get(sandboxId, this.#call))
    } catch (error) {
      if (!(error instanceof OperatorError) && !this.#signal.aborted) throw error
    }
  }

  /** What is allocated to the sandbox, as far as that has been seen. */
  get #size(): SandboxSize | undefined {
    return this.#deps.sightings.sizeOf(this.#uid, madeFrom(this.#seen.agent))
  }

  #change(change: Partial<SandboxStatus>): void {
    if (!this.sandbox) throw new TypeError('a sandbox is described before it changes')
    this.#set({ ...this.sandbox, ...change })
  }

  #set(sandbox: SandboxStatus): void {
    this.sandbox = sandbox
    this.world = { ...this.world, sandbox: { state: sandbox.state, commandStarted: sandbox.commandStarted } }
  }

  /** Has the agent checked, if there is something to check, and takes over what is known of its health. */
  #watch(): void {
    const { prober } = this.#deps
    const isOver = this.world.deleting || this.world.isLost
    const checks = isOver ? undefined : checksOf(this.#seen, this.sandbox, this.#deps)
    if (!checks) return prober.forget(this.#uid)
    prober.watch(checks)
    const health = prober.health(this.#uid)
    if (health) this.world = { ...this.world, health }
  }

  #template(): Template {
    const { template, agent } = this.#seen
    if (template) return template
    const message = `revision ${agent.spec.revision} of swarm ${agent.spec.swarm} is not there (yet)`
    throw new WaitingError(REASON.revisionMissing, message, REVISION_RETRY_MS)
  }

  #contents(template: Template) {
    return new KeyReader(this.#deps.stores.references, this.#seen.agent.metadata.namespace).contentsOf(template)
  }
}

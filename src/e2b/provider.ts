import type { components, ConnectionOpts } from 'e2b'
import { REASON } from '../api/reasons.ts'
import { StalledError, TransientError } from '../errors.ts'
import { Api } from './api.ts'
import { InputError, type Run, type TerminalRun } from './beside.ts'
import type { Credential } from './credential.ts'
import { deadline } from './deadline.ts'
import { AmbiguousCreateError, classifySandboxError, codeOf, type Doing, nameOf, SandboxGoneError } from './errors.ts'
import { CREATE_TIMEOUT_MS, LIST_PAGE, PAUSE_TIMEOUT_MS, SANDBOX_TIMEOUT_MS, USAGE_TIMEOUT_MS } from './limits.ts'
import { METADATA } from './metadata.ts'
import type { Operation, ProviderMetrics } from './metrics.ts'
import type { Probes } from './probe.ts'
import { type Access, type Connected, type Created, Session } from './session.ts'
import type {
  CallOptions,
  CreateRequest,
  Exit,
  Pressure,
  ProbeOutcome,
  ProbeTarget,
  SandboxFile,
  SandboxInfo,
  SandboxUsage,
  StartRequest,
} from './types.ts'

/** What the providers of all keys share. */
export type Shared = { readonly metrics: ProviderMetrics; readonly probes: Probes }

const SECOND_MS = 1_000

/** Sandboxes under one API key. Each call takes its turn within the limits of the key and throws only OperatorErrors. */
export class Provider {
  readonly #api: Api
  readonly #connection: ConnectionOpts
  readonly #credential: Credential
  readonly #shared: Shared

  constructor(connection: ConnectionOpts, credential: Credential, shared: Shared) {
    this.#connection = connection
    this.#credential = credential
    this.#shared = shared
    this.#api = new Api(connection, credential, shared.metrics)
  }

  /** Makes a sandbox; one request, never repeated once it may have had an effect. Throws AmbiguousCreateError when it may exist. */
  async create(request: CreateRequest, options: CallOptions = {}): Promise<Created> {
    const doing: Doing = { what: 'creating a sandbox of template', about: request.templateId, isCreate: true }
    let startedAtMs = 0
    const { data } = await this.#api.ask({ operation: 'create', doing, timeoutMs: CREATE_TIMEOUT_MS }, options, (http, signal) => {
      startedAtMs = Date.now()
      return http.POST('/v2/sandboxes', {
        body: {
          templateID: request.templateId,
          metadata: { ...request.metadata },
          timeout: Math.ceil(request.timeoutMs / SECOND_MS),
          allow_internet_access: request.network.allowInternetAccess,
          network: { allowPublicTraffic: request.network.allowPublicTraffic },
        },
        signal,
      })
    })
    const access = accessOf(data)
    if (!access) throw new AmbiguousCreateError(`E2B's answer cannot be read while creating a sandbox of template ${request.templateId}`)
    return { ...this.#connected(access), startedAtMs, endAtMs: startedAtMs + request.timeoutMs }
  }

  /** All sandboxes whose create carried this nonce. */
  async findByNonce(nonce: string, options: CallOptions = {}): Promise<SandboxInfo[]> {
    return this.list({ metadata: { [METADATA.nonce]: nonce } }, options)
  }

  /** All sandboxes with this metadata, running and paused ones unless told otherwise, in as many requests as there are pages. */
  async list(
    query: { readonly metadata?: Readonly<Record<string, string>>; readonly states?: readonly SandboxInfo['state'][] },
    options: CallOptions = {},
  ): Promise<SandboxInfo[]> {
    const found: SandboxInfo[] = []
    let nextToken: string | undefined
    do {
      const page: string | undefined = nextToken
      const { data, response } = await this.#api.ask({ operation: 'list', doing: { what: 'listing sandboxes' } }, options, (http, signal) =>
        http.GET('/v2/sandboxes', {
          params: {
            query: {
              limit: LIST_PAGE,
              state: [...(query.states ?? (['running', 'paused'] as const))],
              ...(query.metadata && { metadata: filterOf(query.metadata) }),
              ...(page !== undefined && { nextToken: page }),
            },
          },
          signal,
        }),
      )
      for (const sandbox of data ?? []) found.push(infoOf(sandbox))
      nextToken = response.headers.get('x-next-token') || undefined
    } while (nextToken !== undefined)
    return found
  }

  /** One sandbox; undefined when it is gone. */
  async get(sandboxId: string, options: CallOptions = {}): Promise<SandboxInfo | undefined> {
    const request = { operation: 'get', doing: { what: 'looking at sandbox', about: sandboxId }, accept: [404] } as const
    const { data } = await this.#api.ask(request, options, (http, signal) =>
      http.GET('/sandboxes/{sandboxID}', { params: { path: { sandboxID: sandboxId } }, signal }),
    )
    return data && { ...infoOf(data), ...(data.domain ? { domain: data.domain } : {}) }
  }

  /**
   * What running sandboxes used of late, by their ids, for USAGE_BATCH of them at most; those of which the provider knows nothing
   * are left out. Throws at once when its turn would make anybody wait.
   */
  async usage(sandboxIds: readonly string[], options: CallOptions = {}): Promise<ReadonlyMap<string, SandboxUsage>> {
    const doing = { what: 'measuring sandboxes' }
    const request = { operation: 'usage', doing, timeoutMs: USAGE_TIMEOUT_MS, isSpare: true } as const
    const { data } = await this.#api.ask(request, options, (http, signal) =>
      http.GET('/sandboxes/metrics', { params: { query: { sandbox_ids: [...sandboxIds] } }, signal }),
    )
    const found = new Map<string, SandboxUsage>()
    for (const [id, point] of Object.entries(data?.sandboxes ?? {})) {
      const usage = usageOf(point)
      if (usage) found.set(id, usage)
    }
    return found
  }

  /** Ends a sandbox. */
  async kill(sandboxId: string, options: CallOptions = {}): Promise<'killed' | 'gone'> {
    const request = { operation: 'kill', doing: { what: 'killing sandbox', about: sandboxId }, accept: [404] } as const
    const { response } = await this.#api.ask(request, options, (http, signal) =>
      http.DELETE('/sandboxes/{sandboxID}', { params: { path: { sandboxID: sandboxId } }, signal }),
    )
    this.#credential.freed()
    return response.status === 404 ? 'gone' : 'killed'
  }

  /** Sets the time that a sandbox has left, counted from now. */
  async setTimeout(sandboxId: string, timeoutMs: number, options: CallOptions = {}): Promise<void> {
    const request = { operation: 'timeout', doing: { what: 'extending sandbox', about: sandboxId } } as const
    await this.#api.ask(request, options, (http, signal) =>
      http.POST('/sandboxes/{sandboxID}/timeout', {
        params: { path: { sandboxID: sandboxId } },
        body: { timeout: Math.ceil(timeoutMs / SECOND_MS) },
        signal,
      }),
    )
  }

  /** Puts a sandbox to sleep. A conflict means either that it sleeps or that it cannot now, so it is looked at. */
  async pause(sandboxId: string, options: CallOptions = {}): Promise<'paused' | 'gone'> {
    const doing = { what: 'pausing sandbox', about: sandboxId }
    const request = { operation: 'pause', doing, accept: [404, 409], timeoutMs: PAUSE_TIMEOUT_MS } as const
    const { response } = await this.#api.ask(request, options, (http, signal) =>
      http.POST('/sandboxes/{sandboxID}/pause', { params: { path: { sandboxID: sandboxId } }, body: {}, signal }),
    )
    if (response.status === 404) return 'gone'
    if (response.status === 409) {
      const state = (await this.get(sandboxId, options))?.state
      if (state === undefined) return 'gone'
      if (state !== 'paused') {
        throw new TransientError(REASON.conflict, `sandbox ${sandboxId} cannot be paused at this moment; it is tried again`)
      }
    }
    this.#credential.freed()
    return 'paused'
  }

  /** Wakes a sandbox, which then has at least this time left. */
  async resume(sandboxId: string, timeoutMs: number, options: CallOptions = {}): Promise<Connected> {
    return this.#connect({ what: 'resuming sandbox', about: sandboxId }, timeoutMs, options)
  }

  /** Gets access to a sandbox that another process made. Its lifetime is only ever extended; a paused one wakes up. */
  async reconnect(sandboxId: string, timeoutMs: number, options: CallOptions = {}): Promise<Connected> {
    return this.#connect({ what: 'connecting to sandbox', about: sandboxId }, timeoutMs, options)
  }

  /** Writes the agent's files; safe to repeat. */
  async prepare(session: Session, files: readonly SandboxFile[], options: CallOptions = {}): Promise<void> {
    if (files.length === 0) return
    const doing = { what: 'writing files into sandbox', about: session.sandboxId, refusal: REASON.fileRejected }
    await this.#inside('files', doing, options, (limit) => session.write(files, limit))
  }

  /** Starts the agent; however often it is called, and whoever calls it, the sandbox runs the command once. */
  async start(session: Session, request: StartRequest, options: CallOptions = {}): Promise<void> {
    const doing = { what: 'starting the command in sandbox', about: session.sandboxId, refusal: REASON.commandNotStarted }
    if (request.command.some((word) => word.includes('\0'))) {
      throw new StalledError(REASON.commandNotStarted, 'an argument of the command has a NUL character in it; check spec.template.command')
    }
    await this.#inside('start', doing, options, (limit) => session.start(request, limit))
  }

  /** Whether the agent's process has ended. */
  async exitOf(session: Session, options: CallOptions = {}): Promise<Exit> {
    const doing = { what: 'looking at the command in sandbox', about: session.sandboxId }
    return this.#inside('exit', doing, options, (limit) => session.exit(limit))
  }

  /** Runs a command beside the agent, in a terminal or without one; gives its exit code. It may last as long as it likes. */
  async runBeside(session: Session, request: Run | TerminalRun): Promise<number> {
    try {
      return await ('size' in request ? session.runInTerminal(request) : session.run(request))
    } catch (cause) {
      if (cause instanceof InputError) throw lostInput(cause, session.sandboxId)
      throw classifySandboxError(cause, { what: 'running a command in sandbox', about: session.sandboxId })
    }
  }

  /** Checks a port of a sandbox; never throws. */
  async probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
    const outcome = await this.#shared.probes.probe(target, timeoutMs)
    this.#shared.metrics.probed(outcome)
    return outcome
  }

  /** What holds creates back now. */
  pressure(): Pressure {
    return this.#credential.pressure()
  }

  async #connect(doing: Doing, timeoutMs: number, options: CallOptions): Promise<Connected> {
    const sandboxID = doing.about ?? ''
    const { data } = await this.#api.ask({ operation: 'connect', doing, timeoutMs: PAUSE_TIMEOUT_MS }, options, (http, signal) =>
      http.POST('/v2/sandboxes/{sandboxID}/connect', {
        params: { path: { sandboxID } },
        body: { timeout: Math.ceil(timeoutMs / SECOND_MS) },
        signal,
      }),
    )
    const access = accessOf(data)
    if (!access) throw new TransientError(REASON.providerUnavailable, `E2B's answer cannot be read while ${doing.what} ${sandboxID}`)
    return this.#connected(access)
  }

  #connected(access: Access & { readonly trafficAccessToken?: string | null }): Connected {
    return {
      sandboxId: access.sandboxID,
      ...(access.domain ? { domain: access.domain } : {}),
      ...(access.trafficAccessToken ? { trafficAccessToken: access.trafficAccessToken } : {}),
      session: new Session(access, this.#connection),
    }
  }

  async #inside<T>(
    operation: Operation,
    doing: Doing,
    options: CallOptions,
    run: (limit: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const limit = deadline(options.timeoutMs ?? SANDBOX_TIMEOUT_MS, options.signal)
    const start = performance.now()
    const count = (outcome: 'ok' | 'gone' | 'unavailable') =>
      this.#shared.metrics.observe(operation, outcome, (performance.now() - start) / SECOND_MS)
    try {
      const result = await run(limit)
      count('ok')
      return result
    } catch (cause) {
      const error = classifySandboxError(cause, doing)
      count(error instanceof SandboxGoneError ? 'gone' : 'unavailable')
      throw error
    } finally {
      limit.clear()
    }
  }
}

/** The parts of an answer without which a sandbox cannot be talked to; undefined when they are not there. */
function accessOf(data: components['schemas']['Sandbox'] | undefined): components['schemas']['Sandbox'] | undefined {
  return typeof data?.sandboxID === 'string' && typeof data.envdVersion === 'string' ? data : undefined
}

function infoOf(sandbox: components['schemas']['ListedSandbox'] | components['schemas']['SandboxDetail']): SandboxInfo {
  return {
    sandboxId: sandbox.sandboxID,
    templateId: sandbox.templateID,
    metadata: sandbox.metadata ?? {},
    state: sandbox.state,
    startedAtMs: Date.parse(sandbox.startedAt),
    endAtMs: Date.parse(sandbox.endAt),
    ...(isCount(sandbox.cpuCount) && isCount(sandbox.memoryMB) && { size: { cpus: sandbox.cpuCount, memoryMib: sandbox.memoryMB } }),
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0

/** A point of a sandbox's metrics; undefined when it does not say what it should. */
function usageOf(point: components['schemas']['SandboxMetric']): SandboxUsage | undefined {
  const { cpuUsedPct: cpuPercent, memUsed, memTotal, timestampUnix } = point
  const memoryPercent = (memUsed * 100) / memTotal
  const measuredMs = timestampUnix * SECOND_MS
  return [cpuPercent, memoryPercent, measuredMs].every(Number.isFinite) ? { cpuPercent, memoryPercent, measuredMs } : undefined
}

function lostInput(cause: InputError, sandboxId: string): TransientError {
  const why = codeOf(cause) ?? nameOf(cause.cause)
  const message = `input was lost on its way to a command in sandbox ${sandboxId} (${why}), so the command was ended; run it again`
  return new TransientError(REASON.providerUnavailable, message, { cause })
}

/** The API decodes the filter once more after the query's own decoding, and then each part. */
function filterOf(metadata: Readonly<Record<string, string>>): string {
  const parts = Object.entries(metadata).map(([key, value]) => [encodeURIComponent(key), encodeURIComponent(value)] as const)
  return new URLSearchParams(Object.fromEntries(parts)).toString()
}

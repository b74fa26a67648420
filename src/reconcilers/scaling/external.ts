import { durationMs } from '../../api/duration.ts'
import type { ScalingPolicy } from '../../api/objects.ts'
import { OperatorError } from '../../errors.ts'
import { pause } from '../../time/pause.ts'
import type { References } from '../../kube/references.ts'
import { numberAt } from '../../scaling/pointer.ts'
import { SourceError } from '../../sources/source-error.ts'
import { Sources } from '../../sources/sources.ts'
import { KeyReader } from '../shared/contents.ts'
import type { MetricMemory } from './memory.ts'

/** Longest time that a source gets to answer, in milliseconds. */
const ANSWER_MS = 10_000

/** Time until a token is looked for again that is not there yet. Milliseconds. */
const TOKEN_MS = 1_000

export type ExternalOptions = {
  readonly references: References
  /** Hosts that metrics may name; all when there is none. */
  readonly hosts: readonly string[]
  /** Hears the keys of policies of which a source gave a number, or none. */
  readonly onLook: (key: string) => void
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Asks Prometheus and JSON services for the metrics of policies, each in its own interval: nobody tells us when those change. */
export class External {
  readonly #options: ExternalOptions
  readonly #sources: Sources
  readonly #asked = new Map<string, Map<MetricMemory, AbortController>>()

  constructor(options: ExternalOptions) {
    this.#options = options
    this.#sources = new Sources(options)
  }

  /** Asks for these metrics from now on; what is asked for already goes on undisturbed, and the rest ends. */
  set(key: string, { metadata }: ScalingPolicy, metrics: readonly MetricMemory[]): void {
    const wanted = metrics.filter(({ spec }) => spec.prometheus ?? spec.json)
    const asked = this.#asked.get(key) ?? new Map<MetricMemory, AbortController>()
    for (const [metric, stopping] of asked) {
      if (wanted.includes(metric)) continue
      stopping.abort()
      asked.delete(metric)
    }
    const { namespace } = metadata
    const secrets = wanted.flatMap(({ spec }) => (spec.prometheus ?? spec.json)?.tokenSecretRef?.name ?? [])
    this.#options.references.set(
      ownerOf(key),
      secrets.map((name) => ({ kind: 'Secret', namespace, name })),
    )
    for (const metric of wanted) {
      if (asked.has(metric)) continue
      const stopping = new AbortController()
      asked.set(metric, stopping)
      void this.#ask(key, namespace, metric, stopping.signal)
    }
    if (asked.size > 0) this.#asked.set(key, asked)
    else this.#asked.delete(key)
  }

  /** The policy is gone, or acts on nothing. */
  forget(key: string): void {
    this.#options.references.set(ownerOf(key), [])
    for (const stopping of this.#asked.get(key)?.values() ?? []) stopping.abort()
    this.#asked.delete(key)
  }

  /** Asks for nothing any more. */
  async stop(): Promise<void> {
    for (const key of this.#asked.keys()) this.forget(key)
    await this.#sources.close()
  }

  async #ask(key: string, namespace: string, metric: MetricMemory, signal: AbortSignal): Promise<void> {
    const { now, onLook } = this.#options
    const intervalMs = durationMs((metric.spec.prometheus ?? metric.spec.json)?.interval ?? '15s')
    while (!signal.aborted) {
      const fromMs = now()
      let waitMs = intervalMs
      try {
        const value = await this.#read(namespace, metric, Math.min(ANSWER_MS, intervalMs), signal)
        if (value === undefined) metric.problem = 'the source gives no number'
        else metric.sampled({ atMs: fromMs, value })
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof SourceError || error instanceof OperatorError)) throw error
        metric.problem = error.message
        if (error instanceof OperatorError) waitMs = Math.min(TOKEN_MS, intervalMs)
      }
      onLook(key)
      await pause(Math.max(0, fromMs + waitMs - now()), signal)
    }
  }

  async #read(namespace: string, { spec }: MetricMemory, timeoutMs: number, signal: AbortSignal): Promise<number | undefined> {
    const { prometheus, json, name } = spec
    const source = prometheus ?? json
    const token = source?.tokenSecretRef && this.#token(namespace, source.tokenSecretRef, name)
    if (prometheus) return this.#sources.queryPrometheus({ address: prometheus.url, query: prometheus.query, token, timeoutMs }, signal)
    if (!json) return undefined
    const answer = await this.#sources.fetchJson({ url: json.url, token, timeoutMs }, signal)
    const value = numberAt(answer, json.pointer)
    if (value === undefined)
      throw new SourceError(`${where(json.url)} has no number at ${JSON.stringify(json.pointer)}; correct json.pointer`)
    return value
  }

  #token(namespace: string, ref: { readonly name: string; readonly key: string }, metric: string): string {
    const value = new KeyReader(this.#options.references, namespace).read({ kind: 'Secret', ...ref }, `metric ${metric}`)
    return Buffer.from(value).toString('utf8').trim()
  }
}

/** The owner of a policy's references. */
const ownerOf = (key: string): string => `scaling:${key}`

/** A URL without what may be secret in it. */
function where(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

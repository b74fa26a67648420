import type { Logger } from 'winston'
import { OperatorError } from '../../errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import { after } from '../../time/clock.ts'
import type { Informer } from '../../kube/informer.ts'
import { RESOURCE_QUOTAS, type ResourceQuota } from '../../kube/objects.ts'
import { QUOTA_RESOURCES } from '../../scaling/quota.ts'
import { FIELD_MANAGER } from '../shared/kinds.ts'
import type { QuotaUse } from './quotas.ts'

/** Changes of use that come within this time are one write. Milliseconds. */
const GATHER_MS = 1_000

/** Pause after a write that failed, in milliseconds. */
const RETRY_MS = 30_000

export type QuotaUsageOptions = {
  readonly client: KubeClient
  readonly quotas: Informer<ResourceQuota>
  readonly uses: (namespace: string) => readonly QuotaUse[]
  readonly log: Logger
}

/**
 * Writes what agents use into the status of ResourceQuotas, where `kubectl describe quota` shows it: the cluster counts objects and knows nothing
 * of sandboxes. Nothing depends on it.
 */
export class QuotaUsage {
  readonly #options: QuotaUsageOptions
  readonly #stopping = new AbortController()
  /** How to cancel the next look, by namespace. */
  readonly #due = new Map<string, () => void>()
  /** Why the last write failed: it is logged once. */
  #failure: string | undefined

  constructor(options: QuotaUsageOptions) {
    this.#options = options
  }

  /** What is used in a namespace may have changed. */
  note(namespace: string, inMs = GATHER_MS): void {
    if (this.#due.has(namespace) || this.#stopping.signal.aborted) return
    const look = async () => {
      const hasFailed = await this.#write(namespace)
      this.#due.delete(namespace)
      if (hasFailed) this.note(namespace, RETRY_MS)
      else if (this.#news(namespace).size > 0) this.note(namespace)
    }
    this.#due.set(
      namespace,
      after(inMs, () => void look()),
    )
  }

  stop(): void {
    this.#stopping.abort()
    for (const cancel of this.#due.values()) cancel()
  }

  async #write(namespace: string): Promise<boolean> {
    const { client, quotas, log } = this.#options
    const { signal } = this.#stopping
    for (const [name, used] of this.#news(namespace)) {
      try {
        const patch = { status: { used } }
        const more = { subresource: 'status', fieldManager: FIELD_MANAGER, signal }
        quotas.wrote(await client.mergePatch(RESOURCE_QUOTAS, { namespace, name }, patch, more))
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error
        if (error.reason === 'NotFound') continue
        const { reason, message } = error
        if (!signal.aborted && reason !== this.#failure) log.warn('use of quotas cannot be shown', { namespace, reason, error: message })
        this.#failure = reason
        return true
      }
    }
    this.#failure = undefined
    return false
  }

  /** What is to be written, by quota. */
  #news(namespace: string): ReadonlyMap<string, Record<string, string>> {
    const news = new Map<string, Record<string, string>>()
    for (const { quota, resource, used, told } of this.#options.uses(namespace)) {
      const text = String(Math.ceil(used))
      if (QUOTA_RESOURCES[resource] !== 'Objects' && text !== String(told)) news.set(quota, { ...news.get(quota), [resource]: text })
    }
    return news
  }
}

import { createHash } from 'node:crypto'
import type { Registry } from 'prom-client'
import { addressOf, type Address, type Sandbox } from '../api/address.ts'
import { WALL_CLOCK, type Clock } from '../time/clock.ts'
import { Credential } from './credential.ts'
import { Deliveries, type Delivered, type Delivery } from './deliveries.ts'
import { type ProviderMetrics, providerMetrics } from './metrics.ts'
import { Probes } from './probe.ts'
import { Provider } from './provider.ts'
import type { Endpoints, ProbeOutcome, ProbeTarget } from './types.ts'

/** `createsPerSecond` is for each key; 0 leaves it to the provider to refuse. */
export type ProvidersOptions = {
  readonly endpoints: Endpoints
  readonly createsPerSecond: number
  readonly registry: Registry
  readonly clock?: Clock
}

/** The providers of all API keys in use. Keys are kept in memory only, and found by their hash. */
export class Providers {
  readonly #options: ProvidersOptions
  readonly #providers = new Map<string, Provider>()
  readonly #metrics: ProviderMetrics
  readonly #probes: Probes
  readonly #deliveries = new Deliveries()

  constructor(options: ProvidersOptions) {
    this.#options = options
    this.#metrics = providerMetrics(options.registry, () => this.#waiting())
    this.#probes = new Probes(options.endpoints)
  }

  /** The provider under this key. All users of a key share its limits. */
  for(apiKey: string): Provider {
    const id = createHash('sha256').update(apiKey).digest('base64')
    const known = this.#providers.get(id)
    if (known) return known
    const { endpoints, createsPerSecond, clock = WALL_CLOCK } = this.#options
    const credential = new Credential({ createsPerSecond, clock })
    const provider = new Provider({ ...endpoints, apiKey, debug: false }, credential, { metrics: this.#metrics, probes: this.#probes })
    this.#providers.set(id, provider)
    return provider
  }

  /** Checks a port of a sandbox; never throws and needs no key. */
  async probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
    const outcome = await this.#probes.probe(target, timeoutMs)
    this.#metrics.probed(outcome)
    return outcome
  }

  /** Where the port of a sandbox is reached. */
  addressOf(sandbox: Sandbox, token: string | undefined): Address {
    const { sandboxUrl, domain } = this.#options.endpoints
    return addressOf({ ...sandbox, domain: sandbox.domain ?? domain }, token, sandboxUrl)
  }

  /** Brings JSON to a port of a sandbox; never throws and needs no key. */
  deliver(delivery: Delivery, timeoutMs: number): Promise<Delivered> {
    return this.#deliveries.put(delivery, timeoutMs)
  }

  /** Closes the connections to agents. */
  async close(): Promise<void> {
    await Promise.all([this.#probes.close(), this.#deliveries.close()])
  }

  #waiting(): number {
    let waiting = 0
    for (const provider of this.#providers.values()) waiting += provider.pressure().waiting
    return waiting
  }
}

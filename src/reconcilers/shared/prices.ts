import type { Logger } from 'winston'
import type { References } from '../../kube/references.ts'
import { DEFAULT_PRICES, readPrices, type Prices } from '../../scaling/cost.ts'

/** Name of the ConfigMap with the price table, in the namespace of the operator's Lease. */
const PRICES_CONFIG_MAP = 'swarm-operator-prices'

/** The owner of the reference to it. */
export const PRICES_OWNER = 'prices:table'

export type PriceTableOptions = { readonly references: References; readonly namespace: string; readonly log: Logger }

/** What sandboxes cost: as the ConfigMap says, and as the provider publishes where it says nothing. */
export class PriceTable {
  readonly #options: PriceTableOptions
  #prices: Prices = DEFAULT_PRICES

  constructor(options: PriceTableOptions) {
    this.#options = options
  }

  get prices(): Prices {
    return this.#prices
  }

  /** Begins to follow the ConfigMap. */
  start(): void {
    const { references, namespace } = this.#options
    references.set(PRICES_OWNER, [{ kind: 'ConfigMap', namespace, name: PRICES_CONFIG_MAP }])
    this.read()
  }

  /** Reads it again; what is wrong in it is logged, and has its default. */
  read(): void {
    const { references, namespace, log } = this.#options
    const seen = references.get('ConfigMap', namespace, PRICES_CONFIG_MAP)
    if (seen.state === 'forbidden') log.warn('price table cannot be read', { configMap: PRICES_CONFIG_MAP, namespace, error: seen.message })
    if (seen.state === 'unknown') return
    const { prices, wrong } = readPrices(seen.state === 'found' ? (seen.object.data ?? {}) : {})
    for (const what of wrong) log.warn('price table is wrong', { configMap: PRICES_CONFIG_MAP, namespace, error: what })
    this.#prices = prices
  }
}

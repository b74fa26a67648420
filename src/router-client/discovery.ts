import type { Logger } from 'winston'
import type { KubeClient } from '../kube/client.ts'
import { Informer } from '../kube/informer.ts'
import { ENDPOINT_SLICES, type EndpointSlice, type ObjectRef } from '../kube/objects.ts'
import { endpointsOf, type RouterEndpoint } from './endpoints.ts'

/** A Service in front of routers, and who is told of all of them whenever they change. */
export type DiscoveryOptions = {
  readonly client: KubeClient
  readonly service: Required<ObjectRef>
  readonly scheme: 'http' | 'https'
  readonly log: Logger
  readonly onRouters: (routers: readonly RouterEndpoint[]) => void
}

/** Follows the EndpointSlices of a Service, as whatever balances its load does. */
export class Discovery {
  readonly #informer: Informer<EndpointSlice>
  readonly #o: DiscoveryOptions
  #last = ''

  constructor(options: DiscoveryOptions) {
    this.#o = options
    const { client, service, log } = options
    this.#informer = new Informer({
      client,
      kind: ENDPOINT_SLICES,
      log,
      namespaces: [service.namespace],
      labelSelector: `kubernetes.io/service-name=${service.name}`,
      onState: () => this.#tell(),
    })
    this.#informer.onChange(() => this.#tell())
  }

  start(): void {
    this.#informer.start()
  }

  async stop(): Promise<void> {
    await this.#informer.stop()
  }

  #tell(): void {
    if (!this.#informer.hasSynced) return
    const routers = endpointsOf(this.#informer.list(), this.#o.scheme)
    const text = JSON.stringify(routers)
    if (text === this.#last) return
    this.#last = text
    this.#o.log.info('routers found', { service: `${this.#o.service.namespace}/${this.#o.service.name}`, routers })
    this.#o.onRouters(routers)
  }
}

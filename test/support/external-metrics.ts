import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { KubeClient } from '../../src/kube/client.ts'
import type { KubeObject, ResourceKind } from '../../src/kube/objects.ts'
import { selfSigned } from './certificate.ts'
import { eventually } from './wait.ts'

type Registration = KubeObject & {
  readonly status?: { readonly conditions?: readonly { type: string; status: string; message?: string }[] }
}

const SERVICES: ResourceKind = { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true }
const API_SERVICES: ResourceKind<Registration> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  plural: 'apiservices',
  kind: 'APIService',
  namespaced: false,
}
const GROUP = 'external.metrics.k8s.io'
const VERSION = `${GROUP}/v1beta1`
const NAME = `v1beta1.${GROUP}`

/** Has the API server pass on requests for external metrics to a port of this machine, and waits until it does. */
export async function registerExternalMetrics(client: KubeClient, namespace: string, port: number): Promise<{ remove(): Promise<void> }> {
  const service = { namespace, name: 'external-metrics' }
  // A name instead of an address of the cluster: it may be one of this machine, also when that has no other network.
  await client.create(SERVICES, { metadata: service, spec: { type: 'ExternalName', externalName: 'localhost' } })
  const spec = { group: GROUP, version: 'v1beta1', service: { ...service, port }, insecureSkipTLSVerify: true }
  await client.create(API_SERVICES, { metadata: { name: NAME }, spec: { ...spec, groupPriorityMinimum: 100, versionPriority: 100 } })
  await eventually('the API of external metrics is there', async () => {
    const conditions = (await client.get(API_SERVICES, { name: NAME }))?.status?.conditions
    if (conditions?.some((c) => c.type === 'Available' && c.status === 'True')) return true
    throw new Error(JSON.stringify(conditions))
  })
  return {
    remove: async () => {
      await client.delete(API_SERVICES, { name: NAME })
      await client.delete(SERVICES, service)
    },
  }
}

/**
 * The API of external metrics, which HorizontalPodAutoscalers ask: an API server of its own behind the real one, as a metrics adapter is.
 * There is one for the whole control plane, so a suite must stop what it has started.
 */
export class ExternalMetrics {
  /** The metrics by name, the same in each namespace. */
  readonly values = new Map<string, number>()
  readonly #server: Server
  #registration: { remove(): Promise<void> } | undefined

  private constructor() {
    this.#server = createServer(selfSigned('localhost'), (request, response) => {
      const body = this.#answerTo(new URL(request.url ?? '/', 'https://here').pathname)
      response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }))
    })
  }

  /** Starts it, and waits until the API server passes requests on to it. */
  static async start(client: KubeClient, namespace: string): Promise<ExternalMetrics> {
    const metrics = new ExternalMetrics()
    await new Promise<void>((resolve) => metrics.#server.listen(0, '127.0.0.1', resolve))
    metrics.#registration = await registerExternalMetrics(client, namespace, (metrics.#server.address() as AddressInfo).port)
    return metrics
  }

  async stop(): Promise<void> {
    await this.#registration?.remove()
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #answerTo(path: string): object | undefined {
    if (path === `/apis/${VERSION}`) return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: VERSION, resources: [] }
    const name = new RegExp(`^/apis/${VERSION}/namespaces/[^/]+/([^/]+)$`).exec(path)?.[1] ?? ''
    const value = this.values.get(name)
    if (value === undefined) return undefined
    const item = { metricName: name, metricLabels: {}, timestamp: new Date().toISOString(), value: String(value) }
    return { kind: 'ExternalMetricValueList', apiVersion: VERSION, metadata: {}, items: [item] }
  }
}

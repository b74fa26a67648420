import { isIPv6 } from 'node:net'
import type { EndpointSlice } from '../kube/objects.ts'

/**
 * A router that a Service names. One that serves may be given tasks at any moment, so that nothing is sure without its word; another one, which
 * starts, ends or is broken, counts as long as it says something.
 */
export type RouterEndpoint = { readonly url: string; readonly isServing: boolean }

/** The name of the port of tasks where a Service has several. */
const PORT_NAME = 'http'

/** The routers in the slices of one Service, each once, in the order of their addresses. */
export function endpointsOf(slices: readonly EndpointSlice[], scheme: 'http' | 'https'): readonly RouterEndpoint[] {
  const serving = new Map<string, boolean>()
  for (const { addressType, endpoints, ports } of slices) {
    const port = ports?.length === 1 ? ports[0]?.port : ports?.find(({ name }) => name === PORT_NAME)?.port
    if (port === undefined || addressType === 'FQDN') continue
    for (const { addresses, conditions } of endpoints ?? []) {
      const [address] = addresses // those of one endpoint stand for the same; consumers take the first
      if (address === undefined) continue
      const url = `${scheme}://${isIPv6(address) ? `[${address}]` : address}:${port}`
      // Conditions that are not known are to be taken for true.
      const isServing = conditions?.serving ?? conditions?.ready ?? true
      serving.set(url, isServing || serving.get(url) === true)
    }
  }
  return [...serving].map(([url, isServing]) => ({ url, isServing })).sort((a, b) => (a.url < b.url ? -1 : 1))
}

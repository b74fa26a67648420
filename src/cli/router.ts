import type { Latencies } from '../stats/latency.ts'
import { CliError, type Ref } from './fleet.ts'

/** Where a router is, and what proves who one is. */
export type RouterAccess = { readonly url: string; readonly token?: string | undefined }

/** Longest wait for a live view, in milliseconds. */
const VIEW_MS = 10_000

/** An agent as one router sees it: what it has been given and has ended since the router started. */
export type LiveAgent = {
  readonly agent: string
  readonly health: string
  readonly inFlight: number
  readonly limit: number
  readonly done: number
  readonly failed: number
  readonly latency?: Latencies
}

/** A swarm as one router sees it. */
export type LiveView = { readonly queue: { readonly length: number }; readonly agents: readonly LiveAgent[] }

/** Asks a router for something. Throws a CliError that says what to do when it cannot be reached. */
export async function askRouter({ url, token }: RouterAccess, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  try {
    return await fetch(`${url.replace(/\/$/, '')}${path}`, { ...init, headers })
  } catch (cause) {
    const message = `the router at ${url} cannot be reached: ${reasonOf(cause)}; give its address with --router or SWARM_ROUTER_URL`
    throw new CliError(message, { cause })
  }
}

/** The swarm as a router sees it; undefined when the router does not know it. Throws a CliError when it does not say. */
export async function liveView(access: RouterAccess, { namespace, name }: Ref): Promise<LiveView | undefined> {
  const path = `/v1/namespaces/${namespace}/swarms/${name}`
  const response = await askRouter(access, path, { signal: AbortSignal.timeout(VIEW_MS) })
  if (response.status === 404) return undefined
  if (response.ok) return (await response.json()) as LiveView // the parse border: the router is of our making
  throw new CliError(`the router at ${access.url} answers ${response.status}: ${wordsOf(await response.text())}`)
}

/** What a router says is wrong. */
function wordsOf(body: string): string {
  const [, detail] = /"detail":("(?:[^"\\]|\\.)*")/.exec(body) ?? []
  return detail === undefined ? body.slice(0, 300) : String(JSON.parse(detail))
}

/** `fetch` says only that it has failed; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

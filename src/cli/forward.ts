import { spawn } from 'node:child_process'
import type { KubeClient } from '../kube/client.ts'
import { KubeApiError } from '../kube/api-error.ts'
import type { KubeObject, ResourceKind } from '../kube/objects.ts'
import { CliError } from './fleet.ts'
import { routerToken, type TokenFlags } from './router-token.ts'
import type { RouterAccess } from './router.ts'
import type { Common, Surroundings } from './surroundings.ts'

/** There is no way to any router: the message says what to give. */
export class NoRouterError extends CliError {}

/** A pod, as far as it is of interest here. */
export interface Pod extends KubeObject {
  readonly spec?: {
    readonly containers: readonly {
      readonly name: string
      readonly image?: string
      readonly command?: readonly string[]
      readonly args?: readonly string[]
    }[]
  }
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** How pods are addressed. */
export const PODS: ResourceKind<Pod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }

/** Longest wait for a way to a pod, in milliseconds. */
const OPEN_MS = 15_000

/** Routers to which a way is opened at most; each is a program of its own. */
const MOST_FORWARDS = 8

/** The port on which routers of the chart listen. */
const ROUTER_PORT = 18_000

/** Where a cluster is, and what a person has said about routers. */
export type RouterFlags = TokenFlags & { readonly router?: string | undefined }

/**
 * Does something with routers: those of `--router` or SWARM_ROUTER_URL (several with commas between them), else those that run in the cluster, through
 * its API server. `most` is how many are needed. Throws a CliError when there is no way to any.
 */
export async function withRouters<T>(
  { client, most }: { readonly client: KubeClient; readonly most: number },
  flags: RouterFlags,
  around: Surroundings,
  work: (routers: readonly RouterAccess[]) => Promise<T>,
): Promise<T> {
  const known = await knownRouters(flags, around)
  if (known.length > 0) return work(known.slice(0, most))
  const pods = (await routerPods(client)).filter(isReady).slice(0, Math.min(most, MOST_FORWARDS))
  if (pods.length === 0)
    throw new NoRouterError('no router is known, and none runs in the cluster; give its address with --router or SWARM_ROUTER_URL')
  const open: Forward[] = []
  try {
    for (const opening of pods.map(async (pod) => forward(pod, flags, around.env))) open.push(await opening)
    const urls = open.map(({ url }) => url)
    const token = await routerToken(flags, around, urls)
    return await work(urls.map((url) => ({ url, token })))
  } finally {
    for (const each of open) each.close()
  }
}

/** The routers of `--router` or SWARM_ROUTER_URL. */
export async function knownRouters(flags: RouterFlags, around: Surroundings): Promise<RouterAccess[]> {
  const text = flags.router ?? around.env['SWARM_ROUTER_URL'] ?? ''
  const urls = text.split(',').flatMap((url) => url.trim() || [])
  if (urls.length === 0) return []
  const token = await routerToken(flags, around, urls)
  return urls.map((url) => ({ url, token }))
}

/** The pods of routers, as the chart labels them. Throws a CliError when one may not look for them. */
export async function routerPods(client: KubeClient): Promise<Pod[]> {
  try {
    const { items } = await client.list(PODS, { labelSelector: 'app.kubernetes.io/component=router' })
    return items.filter(({ spec }) => spec?.containers.some(({ command }) => command?.[0] === 'router'))
  } catch (error) {
    if (!(error instanceof KubeApiError && error.isForbidden)) throw error
    const message = 'no router is known, and you may not look for its pods; give its address with --router or SWARM_ROUTER_URL'
    throw new NoRouterError(message, { cause: error })
  }
}

/** A pod that takes requests. */
export const isReady = ({ status }: Pod): boolean => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false

type Forward = { readonly url: string; readonly close: () => void }

/** Opens a way to a router through the API server, by kubectl, which knows every kind of connection that API servers have had. */
async function forward({ metadata, spec }: Pod, { kubeconfig, context }: Common, env: Surroundings['env']): Promise<Forward> {
  const { namespace, name } = metadata
  if (spec?.containers.some(({ args = [] }) => args.some((arg) => arg.startsWith('--tls-cert-file'))))
    throw new NoRouterError(
      `router ${namespace}/${name} speaks TLS for its Service only; give the address of that with --router or SWARM_ROUTER_URL`,
    )
  const flags = [
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
    ...(context === undefined ? [] : [`--context=${context}`]),
  ]
  const args = ['port-forward', '--address=127.0.0.1', `--namespace=${namespace}`, ...flags, `pod/${name}`, `:${ROUTER_PORT}`]
  const child = spawn('kubectl', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const opened = Promise.withResolvers<string>()
  let [said, complaint] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000)
    const [, port] = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said) ?? []
    if (port !== undefined) opened.resolve(`http://127.0.0.1:${port}`)
  })
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-1_000)))
  const failed = (why: string) => opened.reject(new NoRouterError(`there is no way to router ${namespace}/${name}: ${why.trim()}`))
  child.on('error', (error) => failed(`kubectl cannot be run (${error.message})`))
  child.on('exit', () => failed(complaint || 'kubectl port-forward has ended'))
  const late = setTimeout(() => failed(`no answer within ${OPEN_MS / 1_000} s`), OPEN_MS)
  try {
    return { url: await opened.promise, close: () => void child.kill() }
  } catch (error) {
    child.kill()
    throw error
  } finally {
    clearTimeout(late)
  }
}

import { Option, type Command } from 'commander'
import { isTrue } from '../api/conditions.ts'
import type { KubeClient } from '../kube/client.ts'
import { KubeApiError } from '../kube/api-error.ts'
import { InterruptedError } from './fleet.ts'
import { forward, NoRouterError, PODS, type Forward, type Pod } from './port-forward.ts'
import { routerToken, type TokenFlags } from './router-token.ts'
import type { RouterAccess } from './router.ts'
import type { Surroundings } from './surroundings.ts'

/** Routers to which a way is opened at most; each is a program of its own. */
const MOST_FORWARDS = 8

/**
 * The namespace in which routers are looked for when none is named: that of the documentation. No label and no name can say where they are, for
 * whoever may create a pod anywhere could write it as well, and would get the tokens of all who look.
 */
const ROUTER_NAMESPACE = 'swarm-system'

/** What a person has said about routers: where they are. */
export type PlaceFlags = { readonly router?: string | undefined; readonly routerNamespace?: string | undefined }

/** What a person has said about routers: where they are, and the token for them. */
export type RouterFlags = TokenFlags & PlaceFlags

/** Adds the flags that say where routers are to a command. */
export function withPlaceFlags(command: Command, router: Option = ROUTERS): Command {
  return command
    .addOption(router)
    .addOption(new Option('--router-namespace <NAME>', `theirs, if none is given (SWARM_ROUTER_NAMESPACE, else ${ROUTER_NAMESPACE})`))
}

const ROUTERS = new Option('--router <URLS>', 'addresses of the routers, separated by commas (SWARM_ROUTER_URL)')

/** How many routers are needed, and who hears why one of those in the cluster is left out. */
export type Wanted = { readonly client: KubeClient; readonly most: number; readonly problem: (message: string) => void }

/**
 * Does something with routers: those of `--router` or SWARM_ROUTER_URL (several with commas between them), else those that run in their namespace,
 * through the API server. Throws a NoRouterError when there is no way to any, and an InterruptedError when a person ends it.
 */
export async function withRouters<T>(
  { client, most, problem }: Wanted,
  flags: RouterFlags,
  around: Surroundings,
  work: (urls: readonly string[]) => Promise<T>,
): Promise<T> {
  const known = knownRouters(flags, around)
  if (known.length > 0) return work(known.slice(0, most))
  const namespace = routerNamespace(flags, around)
  const pods = (await routerPods(client, namespace)).filter(isReady).slice(0, MOST_FORWARDS)
  if (pods.length === 0) throw new NoRouterError(`no router is known, and none runs in namespace ${namespace}; ${NAME_IT}`)
  const signal = around.interrupted()
  const interrupted = Promise.withResolvers<never>()
  const end = () => interrupted.reject(new InterruptedError())
  signal.addEventListener('abort', end, { once: true })
  const open: Forward[] = []
  const opened = openWays(pods, { most, open, problem, to: async (pod) => forward(pod, { flags, env: around.env, signal }) })
  try {
    return await Promise.race([opened.then(async () => work(open.map(({ url }) => url))), interrupted.promise])
  } finally {
    signal.removeEventListener('abort', end)
    await opened.catch(() => undefined) // told above; what has been opened meanwhile is to be closed as well
    for (const way of open) way.close()
  }
}

type Opening = Pick<Wanted, 'most' | 'problem'> & { readonly open: Forward[]; readonly to: (pod: Pod) => Promise<Forward> }

/** Opens ways until there are enough of them; one that cannot be opened leaves its place to another. Throws when there is none in the end. */
async function openWays(pods: readonly Pod[], { most, open, to, problem }: Opening): Promise<void> {
  const [left, failures] = [[...pods], new Array<unknown>()]
  while (open.length < most && left.length > 0) {
    const ways = await Promise.allSettled(left.splice(0, most - open.length).map(to))
    for (const way of ways) {
      if (way.status === 'fulfilled') open.push(way.value)
      else failures.push(way.reason)
    }
  }
  const wrong = failures.find((failure) => !(failure instanceof NoRouterError)) ?? (open.length === 0 ? failures[0] : undefined)
  if (wrong !== undefined) throw wrong
  for (const failure of failures) if (failure instanceof NoRouterError) problem(failure.message)
}

/** The routers of `--router` or SWARM_ROUTER_URL. */
export function knownRouters({ router }: PlaceFlags, { env }: Pick<Surroundings, 'env'>): string[] {
  return (router ?? env['SWARM_ROUTER_URL'] ?? '').split(',').flatMap((url) => url.trim() || [])
}

/** The one namespace in which routers are looked for. */
export const routerNamespace = ({ routerNamespace: name }: PlaceFlags, { env }: Pick<Surroundings, 'env'>): string =>
  name ?? (env['SWARM_ROUTER_NAMESPACE'] || ROUTER_NAMESPACE)

/** Routers with the token for them. */
export async function accessTo(urls: readonly string[], flags: TokenFlags, around: Surroundings): Promise<RouterAccess[]> {
  const token = await routerToken(flags, around, urls)
  return urls.map((url) => ({ url, token }))
}

const NAME_IT = 'name theirs with --router-namespace or SWARM_ROUTER_NAMESPACE, or give an address with --router or SWARM_ROUTER_URL'

/** The pods of routers in a namespace, as the chart labels them. Throws a NoRouterError when one may not look for them. */
export async function routerPods(client: KubeClient, namespace: string): Promise<Pod[]> {
  try {
    const { items } = await client.list(PODS, { namespace, labelSelector: 'app.kubernetes.io/component=router' })
    return items.filter(({ spec }) => spec?.containers.some(({ command }) => command?.[0] === 'router'))
  } catch (error) {
    if (!(error instanceof KubeApiError && error.isForbidden)) throw error
    const message = `no router is known, and you may not look for pods in namespace ${namespace}; ${NAME_IT}`
    throw new NoRouterError(message, { cause: error })
  }
}

/** A pod that takes requests. */
export const isReady = (pod: Pod): boolean => isTrue(pod, 'Ready')

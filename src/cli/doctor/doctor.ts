import { KubeApiError } from '../../kube/api-error.ts'
import type { KubeClient } from '../../kube/client.ts'
import { NAMESPACES } from '../../kube/objects.ts'
import type { Keys } from '../access.ts'
import { CliError, readAgents, readSwarms } from '../fleet.ts'
import { isReady, knownRouters, routerNamespace, routerPods, withRouters, type PlaceFlags } from '../forward.ts'
import { NoRouterError } from '../port-forward.ts'
import { askRouter } from '../router.ts'
import type { Common, Surroundings } from '../surroundings.ts'
import { checkAccount } from './account.ts'
import {
  checkKinds,
  checkLead,
  checkOperatorRights,
  checkOwnRights,
  flagOf,
  operatorsIn,
  unlessForbidden,
  type Deployment,
  type LeaseRef,
} from './cluster.ts'
import { judgeAgents, judgeSwarms, type Finding } from './judge.ts'

/** What is looked at. Without a namespace it is all of them. */
export type DoctorOptions = Common &
  PlaceFlags & {
    readonly leaseNamespace?: string
    readonly leaseName?: string
    readonly allNamespaces?: boolean
  }

/** Where it looks, and with what. */
export type DoctorPlace = { readonly keys: Keys; readonly namespace: string; readonly around: Surroundings }

/** Longest wait for a router to say that it is well. Milliseconds. */
const ROUTER_MS = 10_000

/** The Lease of an operator that was started without flags for it. */
const LEASE: LeaseRef = { namespace: 'default', name: 'swarm-operator' }

/** Looks at all that a fleet needs; never throws for what is wrong with it. */
export async function examine(options: DoctorOptions, place: DoctorPlace): Promise<Finding[]> {
  const { keys, namespace, around } = place
  const { client } = keys
  const reached = await checkCluster(client)
  if (reached.level === 'fail') return [reached]
  const kinds = await checkKinds(client)
  if (kinds.some(({ level }) => level === 'fail')) return [reached, ...kinds]
  const operators: Deployment[] = []
  const found = await unlessForbidden('operator', 'list deployments of all namespaces, by which its version is known', async () => {
    operators.push(...(await operatorsIn(client)))
    return []
  })
  const [operator] = operators
  const lease = leaseOf(options, operator)
  const version = operator?.metadata.labels?.['app.kubernetes.io/version']
  const groups = await Promise.all([
    checkOwnRights(client, namespace),
    checkLead(client, lease, { operator: version, own: around.version }),
    ...operators.slice(0, 1).map(async (operator) => checkOperatorRights(client, namespace, operator)),
    checkRouters(options, place),
    checkFleet(options, lease, place),
  ])
  return [reached, ...kinds, ...found, ...groups.flat()]
}

function leaseOf({ leaseNamespace, leaseName }: DoctorOptions, operator: Deployment | undefined): LeaseRef {
  const own = operator && { namespace: flagOf(operator, 'lease-namespace'), name: flagOf(operator, 'lease-name') }
  return { namespace: leaseNamespace ?? own?.namespace ?? LEASE.namespace, name: leaseName ?? own?.name ?? LEASE.name }
}

async function checkCluster(client: KubeClient): Promise<Finding> {
  const check = 'cluster'
  try {
    const version = (await client.raw('/version')) as { readonly gitVersion?: string } | undefined // the parse border
    return { check, level: 'ok', message: `the API server answers, ${version?.gitVersion ?? 'of an unknown version'}` }
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error
    return { check, level: 'fail', message: error.message, advice: 'look at your kubeconfig and its context' }
  }
}

/** Whether routers are ready to take tasks, which they tell without a token. */
async function checkRouters(options: DoctorOptions, { keys: { client }, around }: DoctorPlace): Promise<Finding[]> {
  const check = 'router'
  const findings: Finding[] = []
  const problem = (message: string) => void findings.push({ check, level: 'warn', message })
  const ask = async (urls: readonly string[]) => {
    for (const url of urls) findings.push(await checkRouter(url))
  }
  try {
    if (knownRouters(options, around).length === 0)
      for (const pod of (await routerPods(client, routerNamespace(options, around))).filter((each) => !isReady(each)))
        findings.push({
          check,
          level: 'warn',
          message: `pod ${pod.metadata.namespace}/${pod.metadata.name} is not ready`,
          advice: `kubectl describe pod -n ${pod.metadata.namespace} ${pod.metadata.name}`,
        })
    await withRouters({ client, most: Infinity, problem }, options, around, ask)
  } catch (error) {
    if (!(error instanceof NoRouterError)) throw error
    problem(error.message)
  }
  return findings
}

async function checkRouter(url: string): Promise<Finding> {
  const check = 'router'
  try {
    const response = await askRouter({ url }, '/readyz', { signal: AbortSignal.timeout(ROUTER_MS) })
    if (response.ok) return { check, level: 'ok', message: `${url} takes tasks` }
    return {
      check,
      level: 'fail',
      message: `${url} is not ready: ${(await response.text()).slice(0, 200)}`,
      advice: 'look at its logs',
    }
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return { check, level: 'fail', message: error.message }
  }
}

/** Whether there is such a namespace at all, if one may know. */
async function checkNamespace(client: KubeClient, name: string): Promise<Finding[]> {
  const namespace = await client.get(NAMESPACES, { name }).catch((error: unknown) => {
    if (error instanceof KubeApiError && error.isForbidden) return 'unknown'
    throw error
  })
  if (namespace) return []
  const advice = 'kubectl get namespaces shows those that there are; -n NAME looks at one of them, -A at all'
  return [{ check: 'swarms', level: 'warn', message: `there is no namespace ${name}`, advice }]
}

/** Swarms, agents, and what the account at E2B shows of them. */
async function checkFleet(options: DoctorOptions, lease: LeaseRef, { keys, namespace, around }: DoctorPlace): Promise<Finding[]> {
  const scope = options.allNamespaces ? undefined : namespace
  return unlessForbidden('swarms', `list swarms and agents ${scope === undefined ? 'of all namespaces' : `in ${scope}`}`, async () => {
    const [swarms, agents] = await Promise.all([readSwarms(keys.client, scope), readAgents(keys.client, scope)])
    const nowMs = around.now()
    return [
      ...(scope === undefined ? [] : await checkNamespace(keys.client, scope)),
      ...judgeSwarms(swarms, nowMs),
      ...judgeAgents(agents, nowMs),
      ...(await checkAccount({ swarms, agents, namespace: scope }, lease, keys, nowMs)),
    ]
  })
}

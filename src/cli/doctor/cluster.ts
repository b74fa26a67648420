import { KINDS } from '../../api/kinds.ts'
import { KubeApiError } from '../../kube/api-error.ts'
import type { KubeClient } from '../../kube/client.ts'
import { LEASES, type KubeObject, type Lease, type ResourceKind } from '../../kube/objects.ts'
import { waitFor } from '../watch.ts'
import { judgeKinds, judgeLead, judgeRights, type Crd, type Finding, type Right } from './judge.ts'

interface CrdObject extends KubeObject, Crd {}
const CRDS: ResourceKind<CrdObject> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}

/** A Deployment, as far as it is of interest here. */
export interface Deployment extends KubeObject {
  readonly spec?: {
    readonly template: {
      readonly spec: { readonly serviceAccountName?: string; readonly containers: readonly { readonly args?: readonly string[] }[] }
    }
  }
}
const DEPLOYMENTS: ResourceKind<Deployment> = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true }

interface Review extends KubeObject {
  readonly status?: { readonly allowed?: boolean }
}
const review = (kind: string, plural: string): ResourceKind<Review> => ({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: false,
})
const SELF_REVIEWS = review('SelfSubjectAccessReview', 'selfsubjectaccessreviews')
const REVIEWS = review('SubjectAccessReview', 'subjectaccessreviews')

/** What is asked about: a verb, a resource as `group/resource/subresource`, and what it is for. */
type Wish = { readonly verb: string; readonly resource: string; readonly purpose: string; readonly isNeeded?: boolean }

const OURS = 'swarmops.dev'
const OF_PEOPLE: readonly Wish[] = [
  { verb: 'list', resource: `${OURS}/swarms`, purpose: 'list, status', isNeeded: true },
  { verb: 'list', resource: `${OURS}/agents`, purpose: 'status, logs, exec', isNeeded: true },
  { verb: 'create', resource: `${OURS}/swarms/tasks`, purpose: 'submit' },
  { verb: 'patch', resource: `${OURS}/canaryrollouts/status`, purpose: 'promote, abort and the like' },
  { verb: 'patch', resource: `${OURS}/bluegreenrollouts/status`, purpose: 'promote, abort and the like' },
  { verb: 'patch', resource: `${OURS}/agents`, purpose: 'drain' },
]
const OF_OPERATORS: readonly Wish[] = [
  ...['list', 'watch', 'patch'].map((verb) => ({ verb, resource: `${OURS}/swarms`, purpose: 'swarms', isNeeded: true })),
  ...['list', 'watch', 'create', 'patch', 'delete'].map((verb) => ({
    verb,
    resource: `${OURS}/agents`,
    purpose: 'agents',
    isNeeded: true,
  })),
  ...['swarms', 'agents', 'canaryrollouts', 'bluegreenrollouts', 'scalingpolicies'].map((plural) => ({
    verb: 'patch',
    resource: `${OURS}/${plural}/status`,
    purpose: 'status',
    isNeeded: true,
  })),
  ...['list', 'watch', 'create', 'delete'].map((verb) => ({
    verb,
    resource: 'apps/controllerrevisions',
    purpose: 'revisions',
    isNeeded: true,
  })),
  ...['get', 'list', 'watch', 'create', 'patch'].map((verb) => ({
    verb,
    resource: '/secrets',
    purpose: 'keys and tokens',
    isNeeded: true,
  })),
  ...['list', 'watch'].map((verb) => ({ verb, resource: '/configmaps', purpose: 'files and variables', isNeeded: true })),
  { verb: 'create', resource: '/events', purpose: 'events' },
  { verb: 'list', resource: '/resourcequotas', purpose: 'caps of namespaces' },
]

/** Something that one may not look at is no failure of what is looked for. */
export async function unlessForbidden(check: string, what: string, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error
    if (!error.isForbidden) return [{ check, level: 'fail', message: error.message }]
    return [
      {
        check,
        level: 'warn',
        message: `not looked at: you may not ${what}`,
        advice: 'ask somebody with that right, such as an administrator, to run this',
      },
    ]
  }
}

/** The kinds that are installed. */
export async function checkKinds(client: KubeClient): Promise<Finding[]> {
  return unlessForbidden('kinds', 'get customresourcedefinitions', async () => {
    const read = KINDS.map(async ({ plural, group }) => [plural, await client.get(CRDS, { name: `${plural}.${group}` })] as const)
    const installed = (await Promise.all(read)).flatMap(([plural, crd]) => (crd ? [[plural, crd] as const] : []))
    return [judgeKinds(KINDS, new Map(installed))]
  })
}

/** What the person who asks may do. */
export async function checkOwnRights(client: KubeClient, namespace: string): Promise<Finding[]> {
  return unlessForbidden('rights', 'create selfsubjectaccessreviews', async () => {
    const rights = await rightsOf(client, SELF_REVIEWS, OF_PEOPLE, { namespace })
    return [judgeRights('rights', 'you', rights, 'ask for a RoleBinding to edit, or view to look only')]
  })
}

/** What the operator may do, as it runs in the cluster. */
export async function checkOperatorRights(client: KubeClient, namespace: string, { metadata, spec }: Deployment): Promise<Finding[]> {
  return unlessForbidden('operator', 'create subjectaccessreviews', async () => {
    const account = spec?.template.spec.serviceAccountName ?? 'default'
    const user = `system:serviceaccount:${metadata.namespace}:${account}`
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${metadata.namespace}`, 'system:authenticated']
    const rights = await rightsOf(client, REVIEWS, OF_OPERATORS, { namespace, subject: { user, groups } })
    return [
      judgeRights(
        'operator',
        `ServiceAccount ${metadata.namespace}/${account}`,
        rights,
        `see its roles; it must look after namespace ${namespace}`,
      ),
    ]
  })
}

type Asking = { readonly namespace: string; readonly subject?: { readonly user: string; readonly groups: readonly string[] } }

async function rightsOf(
  client: KubeClient,
  kind: ResourceKind<Review>,
  wishes: readonly Wish[],
  { namespace, subject }: Asking,
): Promise<Right[]> {
  return Promise.all(
    wishes.map(async ({ verb, resource: full, purpose, isNeeded = false }) => {
      const [group = '', resource = '', subresource] = full.split('/')
      const resourceAttributes = { namespace, verb, group, resource, ...(subresource !== undefined && { subresource }) }
      const asked = await client.create(kind, { metadata: { name: '' }, spec: { resourceAttributes, ...subject } })
      return { right: `${verb} ${full.replace(/^[^/]*\//, '')}`, purpose, isNeeded, isAllowed: asked.status?.allowed === true }
    }),
  )
}

/** The operators that run in the cluster. */
export async function operatorsIn(client: KubeClient): Promise<Deployment[]> {
  const labelSelector = 'app.kubernetes.io/part-of=swarm-operator,app.kubernetes.io/component=operator'
  return (await client.list(DEPLOYMENTS, { labelSelector })).items
}

/** Where a Lease is. */
export type LeaseRef = { readonly namespace: string; readonly name: string }

/** The value of a flag of the operator. */
export function flagOf({ spec }: Deployment, flag: string): string | undefined {
  const args = spec?.template.spec.containers.flatMap((container) => container.args ?? []) ?? []
  return args.find((arg) => arg.startsWith(`--${flag}=`))?.slice(flag.length + 3)
}

/** Whether somebody leads: whether the Lease changes while it is looked at, for clocks of two machines are not to be compared. */
export async function checkLead(
  client: KubeClient,
  ref: LeaseRef,
  versions: { readonly operator: string | undefined; readonly own: string },
): Promise<Finding[]> {
  return unlessForbidden('operator', `get leases in ${ref.namespace}`, async () => {
    const lease: Lease | undefined = await client.get(LEASES, ref)
    const { holderIdentity = '', leaseDurationSeconds = 15 } = lease?.spec ?? {}
    let isRenewed = false
    if (lease && holderIdentity !== '') {
      const isOther = (now: Lease | undefined) => now !== undefined && now.metadata.resourceVersion !== lease.metadata.resourceVersion
      await waitFor<Lease, true>(client, { kind: LEASES, ref, timeoutMs: leaseDurationSeconds * 1_000 }, (now) => isOther(now) || undefined)
      isRenewed = isOther(await client.get(LEASES, ref))
    }
    return [judgeLead({ name: `${ref.namespace}/${ref.name}`, lease, isRenewed, version: versions.operator }, versions.own)]
  })
}

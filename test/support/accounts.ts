import { createSign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import type { KubeClient } from '../../src/kube/client.ts'
import type { ResourceKind } from '../../src/kube/objects.ts'
import { requestToken } from '../../src/kube/service-account-token.ts'

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const
const ROLES: ResourceKind = { ...RBAC, plural: 'roles', kind: 'Role', namespaced: true }
const ROLE_BINDINGS: ResourceKind = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding', namespaced: true }
const CLUSTER_ROLES: ResourceKind = { ...RBAC, plural: 'clusterroles', kind: 'ClusterRole', namespaced: false }
const CLUSTER_ROLE_BINDINGS: ResourceKind = { ...RBAC, plural: 'clusterrolebindings', kind: 'ClusterRoleBinding', namespaced: false }
const ACCOUNTS: ResourceKind = { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true }

/** A rule of a role. */
export type Rule = Readonly<Record<string, readonly string[]>>

/** ServiceAccounts in a namespace, with roles and tokens of a real API server. */
export class Accounts {
  readonly #client: KubeClient
  readonly namespace: string

  constructor(client: KubeClient, namespace: string) {
    this.#client = client
    this.namespace = namespace
  }

  /** Creates one that may do this in a namespace, its own unless another is named, and this in the whole cluster. */
  async create(name: string, rules: readonly Rule[] = [], { everywhere = [], where = this.namespace }: Wide = {}): Promise<void> {
    const { namespace } = this
    await this.#client.create(ACCOUNTS, { metadata: { namespace, name } })
    const subjects = [{ kind: 'ServiceAccount', namespace, name }]
    const apiGroup = RBAC.group
    if (rules.length > 0) {
      const metadata = { namespace: where, name: `${namespace}-${name}` }
      await this.#client.create(ROLES, { metadata, rules })
      await this.#client.create(ROLE_BINDINGS, { metadata, subjects, roleRef: { apiGroup, kind: 'Role', name: metadata.name } })
    }
    if (everywhere.length === 0) return
    const metadata = { name: `${namespace}-${name}` }
    await this.#client.create(CLUSTER_ROLES, { metadata, rules: everywhere })
    await this.#client.create(CLUSTER_ROLE_BINDINGS, {
      metadata,
      subjects,
      roleRef: { apiGroup, kind: 'ClusterRole', name: metadata.name },
    })
  }

  /** Takes away what it may do in its namespace; it stays, and so do its tokens. */
  async forbid(name: string): Promise<void> {
    await this.#client.delete(ROLE_BINDINGS, { namespace: this.namespace, name: `${this.namespace}-${name}` })
  }

  async delete(name: string): Promise<void> {
    await this.#client.delete(ACCOUNTS, { namespace: this.namespace, name })
    for (const kind of [CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS]) await this.#client.delete(kind, { name: `${this.namespace}-${name}` })
  }

  async token(name: string, audiences: readonly string[] = []): Promise<string> {
    return requestToken(this.#client, { namespace: this.namespace, name }, { seconds: 3600, audiences })
  }

  /** The cluster as this account sees it. */
  async configOf(name: string, cluster: KubeConfig): Promise<KubeConfig> {
    const config = new KubeConfig()
    const own = cluster.getCurrentCluster()
    if (!own) throw new Error('the kubeconfig has no cluster')
    config.loadFromClusterAndUser(own, { name, token: await this.token(name) })
    return config
  }
}

type Wide = { readonly everywhere?: readonly Rule[]; readonly where?: string }

/** A token as it was, signed by the cluster of the kubeconfig, that expired an hour ago. */
export function expired(token: string, kubeconfig: string): string {
  const [head = '', body = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object
  const now = Math.floor(Date.now() / 1_000)
  const late = Buffer.from(JSON.stringify({ ...claims, iat: now - 7_200, nbf: now - 7_200, exp: now - 3_600 })).toString('base64url')
  const key = readFileSync(join(dirname(kubeconfig), 'service-account.key'))
  return `${head}.${late}.${createSign('RSA-SHA256').update(`${head}.${late}`).sign(key, 'base64url')}`
}

/** What a router must be allowed, in each namespace that it watches. */
export const ROUTER_RULES: readonly Rule[] = [
  { apiGroups: ['swarmops.dev'], resources: ['swarms', 'agents'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] },
]

/** What a router must be allowed in the cluster, so that it can ask about its users; `system:auth-delegator` holds it. */
export const REVIEW_RULES: readonly Rule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
]

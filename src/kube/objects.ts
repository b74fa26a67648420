/** Who owns an object: when the owner goes, the garbage collector removes what it owns. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** Metadata of an object that the API server returned: `uid` and `resourceVersion` are always there. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
}

/** Any object as the API server returns it. Never mutate one that came from an informer. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** What is sent to create or apply an object; `apiVersion` and `kind` are filled in from the resource kind. */
export interface Manifest {
  readonly metadata: Partial<Omit<ObjectMeta, 'name'>> & { readonly name: string }
  readonly [field: string]: unknown
}

/** Where an object is: `namespace` is absent for cluster-scoped ones. */
export interface ObjectRef {
  readonly namespace?: string
  readonly name: string
}

/** Everything needed to address a resource over HTTP. The type parameter only carries the object's type. */
export interface ResourceKind<T extends KubeObject = KubeObject> {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly kind: string
  readonly namespaced: boolean
  readonly '~object'?: T
}

/** A core/v1 Secret; the values are base64. */
export interface Secret extends KubeObject {
  readonly type?: string
  readonly data?: Readonly<Record<string, string>>
}

/** A core/v1 ConfigMap. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
  readonly binaryData?: Readonly<Record<string, string>>
}

/** A core/v1 Event. */
export interface CoreEvent extends KubeObject {
  readonly involvedObject: { readonly kind?: string; readonly namespace?: string; readonly name?: string; readonly uid?: string }
  readonly reason?: string
  readonly message?: string
  readonly type?: string
  readonly count?: number
  readonly firstTimestamp?: string
  readonly lastTimestamp?: string
}

/** A coordination.k8s.io/v1 Lease. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

/** An apps/v1 ControllerRevision: an immutable snapshot of `data`. */
export interface ControllerRevision extends KubeObject {
  readonly revision: number
  readonly data?: unknown
}

/** A core/v1 ResourceQuota: quantities by the names of what they limit. One with scopes is for Pods only. */
export interface ResourceQuota extends KubeObject {
  readonly spec?: {
    readonly hard?: Readonly<Record<string, string>>
    readonly scopes?: readonly string[]
    readonly scopeSelector?: object
  }
  readonly status?: { readonly used?: Readonly<Record<string, string>> }
}

/** A discovery.k8s.io/v1 EndpointSlice: some of the addresses behind a Service. */
export interface EndpointSlice extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN'
  readonly endpoints?: readonly {
    readonly addresses: readonly string[]
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }
  }[]
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[]
}

export const SECRETS: ResourceKind<Secret> = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true }
export const CONFIG_MAPS: ResourceKind<ConfigMap> = { group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true }
export const EVENTS: ResourceKind<CoreEvent> = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true }
export const NAMESPACES: ResourceKind = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false }
export const RESOURCE_QUOTAS: ResourceKind<ResourceQuota> = {
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
}
export const LEASES: ResourceKind<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
}
export const ENDPOINT_SLICES: ResourceKind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
}
export const CONTROLLER_REVISIONS: ResourceKind<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
}

/** `group/version`, or only the version for the core group. */
export function apiVersionOf(kind: ResourceKind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** The key under which queues and caches know an object: `namespace/name`, or `name` when it has no namespace. */
export function keyOf(object: { readonly metadata: ObjectRef }): string {
  return refKey(object.metadata)
}

/** The key of an object of which only the place is known. */
export function refKey(ref: ObjectRef): string {
  return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name
}

/** Takes a key apart again; `namespace` is empty for cluster-scoped objects. */
export function parseKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/')
  return slash === -1 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** An owner reference that makes `owner` the one controller of an object. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
}

/** The owner that controls the object, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller)
}

/**
 * Orders two resource versions: below zero when `a` is older, zero when equal, `undefined` when they cannot be compared.
 * They are decimal counters on every server backed by etcd, and longer than a number can hold exactly.
 */
export function compareVersions(a: string, b: string): number | undefined {
  if (a === b) return 0
  if (!/^[1-9]\d*$/.test(a) || !/^[1-9]\d*$/.test(b)) return undefined
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : 1
}

import { createHash } from 'node:crypto'
import type { CredentialsRef, SwarmSpec } from '../../api/swarm.ts'
import { groupsOf } from '../../api/swarm-group.ts'
import type { ControllerRevision } from '../../kube/objects.ts'
import { templateOf, type Template, type TemplateOverride } from '../../api/template.ts'

/** What makes agents of one revision alike; stored as the data of a ControllerRevision. */
export type RevisionData = {
  template: Template
  /** Only groups that differ from the template, so that adding a plain group renews nobody. */
  groups: Record<string, { role?: 'Coordinator'; template?: TemplateOverride }>
  credentialsSecretRef?: CredentialsRef
  /** Hash of the referenced contents, when their change is a new revision. */
  contents?: string
}

/** The data of a stored revision. */
export const storedData = (revision: ControllerRevision | undefined) => revision?.data as RevisionData | undefined

/** The revision that a spec describes. `contents` is the hash of what it refers to, for templates that follow it. */
export function revisionOf(spec: SwarmSpec, contents?: string): RevisionData {
  const groups: RevisionData['groups'] = {}
  for (const { name, role, template } of groupsOf(spec)) {
    if (role === 'Worker' && !template) continue
    groups[name] = { ...(role === 'Coordinator' && { role }), ...(template && { template }) }
  }
  return {
    template: spec.template,
    groups,
    ...(spec.credentialsSecretRef && { credentialsSecretRef: spec.credentialsSecretRef }),
    ...(contents !== undefined && { contents }),
  }
}

/** The template of a group in a revision. */
export const groupTemplate = (data: RevisionData, group: string): Template => templateOf(data.template, data.groups[group]?.template)

/** Ten characters that name a revision: equal for equal data, whatever the order of its keys. */
export const revisionHash = (data: RevisionData): string => contentHash(data).slice(0, 10)

/** SHA-256 over JSON with sorted keys, in hexadecimal. */
export const contentHash = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')

/**
 * The same value with the keys of every object in order. The data of a ControllerRevision must be written like that: the
 * API server compares it byte by byte, and the garbage collector writes it back the way Go does.
 */
export function sorted<T>(value: T): T
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]))
}

/** A key of a Secret or a ConfigMap. */
export type KeyRef = { kind: 'Secret' | 'ConfigMap'; name: string; key: string }

/** Everything that the agents of a template read when they start. */
export function referencesOf(template: Pick<Template, 'env' | 'files'>): KeyRef[] {
  const refs = [...template.env.map((e) => e.valueFrom), ...template.files].map((source) => {
    if (source?.secretKeyRef) return { kind: 'Secret' as const, ...source.secretKeyRef }
    return source?.configMapKeyRef ? { kind: 'ConfigMap' as const, ...source.configMapKeyRef } : undefined
  })
  return refs.filter((ref) => ref !== undefined)
}

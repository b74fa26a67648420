import type { ObjectRef, ResourceKind } from './objects.ts'
import type { Selection, WriteOptions } from './requests.ts'

/** Where all objects of a kind are, or those of one namespace. */
export function collectionPath(kind: ResourceKind, namespace: string | undefined): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  return kind.namespaced && namespace ? `${root}/namespaces/${encodeURIComponent(namespace)}/${kind.plural}` : `${root}/${kind.plural}`
}

/** Where one object is, or a part of it such as `status`. */
export function pathOf(kind: ResourceKind, ref: ObjectRef, subresource?: string): string {
  return `${collectionPath(kind, ref.namespace)}/${encodeURIComponent(ref.name)}${subresource ? `/${subresource}` : ''}`
}

/** The query by which only some objects are listed or watched. */
export function selectorsOf(selection: Selection): Record<string, string | undefined> {
  return { labelSelector: selection.labelSelector, fieldSelector: selection.fieldSelector }
}

/** The query of a write; `force` is for an apply. */
export function writeQuery(options: WriteOptions, force?: boolean): string {
  return queryOf({ fieldManager: options.fieldManager, force: force ? 'true' : undefined })
}

/** A query with its question mark; what is undefined is left out, and nothing is left of an empty one. */
export function queryOf(values: Record<string, string | undefined>): string {
  const set = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
  return set.length === 0 ? '' : `?${set.join('&')}`
}

import type { KubeObject } from '../../kube/objects.ts'

/** Whether neither the annotations nor the end of an object have changed: with the same generation, only its status has. */
export function sameMetadata(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    JSON.stringify(a.metadata.annotations) === JSON.stringify(b.metadata.annotations)
  )
}

import type { KubeObject } from '../../kube/objects.ts'

/** Whether nothing but the status of an object is new: its spec, its annotations and its end are as they were. False for one that comes or goes. */
export function onlyStatusChanged(now: KubeObject, before: KubeObject | undefined): boolean {
  return (
    before !== undefined &&
    before.metadata.generation === now.metadata.generation &&
    before.metadata.deletionTimestamp === now.metadata.deletionTimestamp &&
    JSON.stringify(before.metadata.annotations) === JSON.stringify(now.metadata.annotations)
  )
}

/** What tools that wait for an object conclude from it. */
export type KStatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current'

type Readable = {
  metadata: { generation?: number; deletionTimestamp?: string }
  status?: { observedGeneration?: number; conditions?: readonly { type: string; status: string }[] }
}

/**
 * The rule by which Flux, cli-utils and others read any object: github.com/kubernetes-sigs/cli-utils, pkg/kstatus,
 * status/generic.go. `Reconciling` and `Stalled` come before `Ready`; an object without any of them is finished.
 */
export function kstatus({ metadata, status }: Readable): KStatus {
  if (metadata.deletionTimestamp) return 'Terminating'
  if (status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation) return 'InProgress'
  const is = (type: string, value: string) => status?.conditions?.some((c) => c.type === type && c.status === value) ?? false
  if (is('Reconciling', 'True')) return 'InProgress'
  if (is('Stalled', 'True')) return 'Failed'
  if (is('Ready', 'False') || is('Ready', 'Unknown')) return 'InProgress'
  return 'Current'
}

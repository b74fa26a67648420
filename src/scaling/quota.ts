import { rateOfCents, type Cap, type Counted } from './budget.ts'

/** What a ResourceQuota may say of agents. */
export const QUOTA_RESOURCES = {
  /** Sandboxes that run or are about to; the operator sees to it. */
  'swarmops.dev/agents': 'Sandboxes',
  /** Cents an hour that they may cost: quotas of extended resources are whole numbers. The operator sees to it, too. */
  'swarmops.dev/hourly-cents': 'Cost',
  /** Agent objects, those of paused and lost agents included; the API server sees to it. */
  'count/agents.swarmops.dev': 'Objects',
} as const satisfies Readonly<Record<string, Counted>>

/** The name of one of them. */
export type QuotaResource = keyof typeof QUOTA_RESOURCES

/** What of a ResourceQuota is of interest. */
export type QuotaSeen = {
  readonly namespace: string
  readonly name: string
  readonly hard: Readonly<Record<string, string>>
  /** What the cluster counts as used of it. */
  readonly used: Readonly<Record<string, string>>
}

/** One cap of a quota; `told` is what the cluster counts as used, if it counts that, and has done so. */
export type QuotaCap = {
  readonly resource: QuotaResource
  readonly quota: string
  readonly most: bigint
  readonly told: bigint | undefined
}

/** What a quota caps of agents. */
export function capsOfQuota({ name, hard, used }: QuotaSeen): readonly QuotaCap[] {
  return RESOURCES.flatMap((resource) => {
    const most = parseQuantity(hard[resource] ?? '')
    return most === undefined ? [] : [{ resource, quota: name, most, told: parseQuantity(used[resource] ?? '') }]
  })
}

const RESOURCES: readonly QuotaResource[] = ['swarmops.dev/agents', 'swarmops.dev/hourly-cents', 'count/agents.swarmops.dev']

/** What agents of a namespace use: numbers, and a rate. */
export type Use = { readonly sandboxes: number; readonly objects: number; readonly rate: bigint }

/** A cap of a quota with what agents use of it. Of objects that is what the cluster counts, if that is more: it is what the API server goes by. */
export function capOf({ resource, quota, most, told }: QuotaCap, namespace: string, use: Use): Cap {
  const counts = QUOTA_RESOURCES[resource]
  const named = { by: 'Quota', name: `${resource} of ResourceQuota ${quota} in namespace ${namespace}`, counts } as const
  if (counts === 'Cost') return { ...named, unit: 'cents', most: rateOfCents(most), used: use.rate }
  if (counts === 'Sandboxes') return { ...named, most, used: BigInt(use.sandboxes) }
  const objects = BigInt(use.objects)
  return told === undefined || objects >= told ? { ...named, most, used: objects } : { ...named, most, used: told, gone: told - objects }
}

/** Whether there may be more room under these caps than there was, or they say something else. */
export function mayHaveGrown(before: readonly QuotaCap[], now: readonly QuotaCap[]): boolean {
  if (before.length !== now.length) return true
  return now.some((cap, i) => {
    const old = before[i]
    if (old?.resource !== cap.resource || old.most !== cap.most) return true
    if (QUOTA_RESOURCES[cap.resource] !== 'Objects') return false // what the operator has written itself
    return cap.told !== undefined && (old.told === undefined || old.told > cap.told)
  })
}

const DECIMAL = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 } as const
const BINARY = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n } as const

/** The whole number in a quantity such as `50`, `1k`, `1Ki` or `1e3`, rounded down; undefined when it is none or below zero. */
export function parseQuantity(text: string): bigint | undefined {
  const [, whole = '', fraction = '', suffix = ''] =
    /^\+?([0-9]{1,30})(?:\.([0-9]{0,30}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?$/.exec(text) ?? []
  if (whole === '') return undefined
  const digits = BigInt(whole + fraction)
  const binary = Object.entries(BINARY).find(([name]) => name === suffix)?.[1]
  if (binary !== undefined) return (digits << binary) / 10n ** BigInt(fraction.length)
  const decimal = Object.entries(DECIMAL).find(([name]) => name === suffix)?.[1] ?? Number(suffix.slice(1))
  const exponent = decimal - fraction.length
  return exponent >= 0 ? digits * 10n ** BigInt(exponent) : digits / 10n ** BigInt(-exponent)
}

import { toCrd, type Kind } from '../../api/crd.ts'
import { FORCE_DELETE } from '../../api/names.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import { METADATA } from '../../e2b/metadata.ts'
import type { SandboxInfo } from '../../e2b/types.ts'
import type { Lease } from '../../kube/objects.ts'

/** What one check has found, and what to do about it. */
export type Finding = {
  readonly check: string
  readonly level: 'ok' | 'warn' | 'fail'
  readonly message: string
  readonly advice?: string
}

/** A CustomResourceDefinition, as far as it is compared. */
export type Crd = {
  readonly spec: { readonly versions: readonly { readonly name: string; readonly served: boolean; readonly schema?: unknown }[] }
}

const INSTALL_CRDS = 'kubectl apply --server-side -f crds/, of the version that the operator has'

/** Whether the kinds are installed, and as this plugin knows them. */
export function judgeKinds(kinds: readonly Kind[], installed: ReadonlyMap<string, Crd>): Finding {
  const check = 'kinds'
  const crdOf = ({ plural }: Kind) => installed.get(plural)
  const versionOf = (kind: Kind) => crdOf(kind)?.spec.versions.find(({ name, served }) => served && name === kind.version)
  const missing = kinds.filter((kind) => !versionOf(kind)).map(({ kind }) => kind)
  if (missing.length > 0) return { check, level: 'fail', message: `${missing.join(', ')} missing`, advice: INSTALL_CRDS }
  const own = (kind: Kind) => (toCrd(kind) as Crd).spec.versions[0]?.schema // made by us a line ago
  const other = kinds.filter((kind) => canonical(versionOf(kind)?.schema) !== canonical(own(kind))).map(({ kind }) => kind)
  if (other.length === 0) return { check, level: 'ok', message: `all ${kinds.length} are installed, as this plugin knows them` }
  const message = `${other.join(', ')} installed from another version than that of this plugin`
  return {
    check,
    level: 'warn',
    message,
    advice: 'use the plugin of the version that is installed, or upgrade: kinds first, then the operator',
  }
}

/** Text that is the same for the same value, whatever the order of its members; empty texts and lists are as good as none. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== '')
  return `{${members
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .toSorted()
    .join()}}`
}

/** A right, what it is for, and whether it is there. */
export type Right = { readonly right: string; readonly purpose: string; readonly isNeeded: boolean; readonly isAllowed: boolean }

/** Whether somebody may do what is to be done. */
export function judgeRights(check: string, who: string, rights: readonly Right[], advice: string): Finding {
  const missing = rights.filter(({ isAllowed }) => !isAllowed)
  if (missing.length === 0) return { check, level: 'ok', message: `${who} may do all ${rights.length} things that were asked about` }
  const listed = missing.map(({ right, purpose }) => `${right} (${purpose})`).join(', ')
  return { check, level: missing.some((r) => r.isNeeded) ? 'fail' : 'warn', message: `${who} may not ${listed}`, advice }
}

/** A Lease by which operators lead, and whether it was renewed while we looked. */
export type Lead = {
  readonly name: string
  readonly lease: Lease | undefined
  readonly isRenewed: boolean
  readonly version: string | undefined
}

/** Whether an operator leads, and of which version it is. */
export function judgeLead({ name, lease, isRenewed, version }: Lead, own: string): Finding {
  const check = 'operator'
  const advice =
    'look at the pods of the operator and their logs; nothing is created, replaced or ended meanwhile, and sandboxes end by themselves'
  if (!lease)
    return {
      check,
      level: 'fail',
      message: `no operator has ever led by Lease ${name}`,
      advice: `${advice}; or name its Lease with --lease-namespace and --lease-name`,
    }
  const { holderIdentity = '', leaseDurationSeconds = 0 } = lease.spec ?? {}
  if (holderIdentity === '') return { check, level: 'fail', message: `nobody leads: Lease ${name} was given back`, advice }
  if (!isRenewed)
    return { check, level: 'fail', message: `${holderIdentity} has not renewed Lease ${name} for ${leaseDurationSeconds} s`, advice }
  if (version === undefined || version === own)
    return { check, level: 'ok', message: `${holderIdentity} leads${version === undefined ? '' : `, version ${version}`}` }
  return {
    check,
    level: 'warn',
    message: `${holderIdentity} leads, version ${version}, and this plugin is ${own}`,
    advice: 'use the plugin of the same version',
  }
}

/** Longest time that the end of a sandbox takes, as a rule; after it an Agent that stays is stuck. Milliseconds. */
const STUCK_MS = 2 * 60_000

/** Longest time that an agent takes to get a sandbox, and a swarm to get ready, as a rule. Milliseconds. */
const SLOW_MS = 2 * 60_000

/** Agents that cannot go, and agents that get no sandbox. */
export function judgeAgents(agents: readonly Agent[], nowMs: number): Finding[] {
  const check = 'agents'
  const stuck = agents.filter(({ metadata }) => isOlder(metadata.deletionTimestamp, STUCK_MS, nowMs))
  const bare = agents.filter(
    ({ metadata, status }) =>
      !metadata.deletionTimestamp && !status?.sandbox && !status?.failed && isOlder(metadata.creationTimestamp, SLOW_MS, nowMs),
  )
  const findings: Finding[] = []
  for (const agent of stuck)
    findings.push({
      check,
      level: 'fail',
      message: `${nameOf(agent)} is being deleted since ${agent.metadata.deletionTimestamp}: ${readyOf(agent)}`,
      advice: `when its sandbox is known to be gone: kubectl annotate agent -n ${agent.metadata.namespace} ${agent.metadata.name} ${FORCE_DELETE}=true`,
    })
  for (const agent of bare)
    findings.push({
      check,
      level: 'warn',
      message: `${nameOf(agent)} has no sandbox: ${readyOf(agent)}`,
      advice: `kubectl describe agent -n ${agent.metadata.namespace} ${agent.metadata.name}`,
    })
  if (findings.length === 0)
    findings.push({
      check,
      level: 'ok',
      message: `${counted(agents.length, 'agent')}; none is stuck, none has been without a sandbox for two minutes`,
    })
  return findings
}

/** What swarms themselves say is wrong. */
export function judgeSwarms(swarms: readonly Swarm[], nowMs: number): Finding[] {
  const findings = swarms.flatMap((swarm) => {
    const held = heldUp(swarm)
    return held.some(({ level }) => level === 'fail') ? held : [...held, ...notReady(swarm, held.length > 0, nowMs)]
  })
  if (findings.length > 0) return findings
  return [{ check: SWARMS, level: 'ok', message: `${counted(swarms.length, 'swarm')}; none is stalled or held back` }]
}

const SWARMS = 'swarms'

/** What holds a swarm up, as its conditions name it. */
const heldUp = (swarm: Swarm): Finding[] =>
  (['Stalled', 'MassFailure', 'QuotaExceeded', 'BudgetExceeded'] as const).flatMap((type) => {
    const found = conditionOf(swarm, type)
    if (found?.status !== 'True') return []
    return troubleOf(swarm, type === 'Stalled' || type === 'MassFailure' ? 'fail' : 'warn', type, found.message)
  })

/** A swarm that should be ready by now: that it has no ready agent at all is said in any case, that it lacks some unless there is a reason for it. */
function notReady(swarm: Swarm, isHeld: boolean, nowMs: number): Finding[] {
  const ready = conditionOf(swarm, 'Ready')
  if (ready?.status !== 'False' || !isOlder(ready.lastTransitionTime, SLOW_MS, nowMs)) return []
  const { readyReplicas = 0, desiredReplicas = 0 } = swarm.status ?? {}
  const isDown = readyReplicas === 0 && desiredReplicas > 0
  return isHeld && !isDown ? [] : [troubleOf(swarm, isDown ? 'fail' : 'warn', ready.reason, ready.message)]
}

const troubleOf = (swarm: Swarm, level: 'warn' | 'fail', reason: string, message: string): Finding => ({
  check: SWARMS,
  level,
  message: `${nameOf(swarm)} (${reason}): ${message}`,
  advice: `kubectl swarm status -n ${swarm.metadata.namespace} ${swarm.metadata.name}`,
})

/** What the account shows of this installation: `sandboxes` are those with its id under the keys that could be used. */
export type Account = {
  readonly sandboxes: readonly SandboxInfo[]
  readonly agents: readonly Agent[]
  /** Only sandboxes for agents of this namespace are judged, where no others can be seen. */
  readonly namespace: string | undefined
  readonly nowMs: number
}

/** An owner of a young sandbox may not be known yet. Milliseconds. */
const YOUNG_MS = 60_000

/** Sandboxes that no Agent owns, and agents whose sandbox is not there. */
export function judgeSandboxes({ sandboxes, agents, namespace, nowMs }: Account): Finding[] {
  const check = 'sandboxes'
  const owned = new Map(agents.map((agent) => [agent.metadata.uid, agent.status?.sandbox?.id]))
  const isOrphan = ({ sandboxId, metadata, startedAtMs }: SandboxInfo) => {
    const uid = metadata[METADATA.agentUid] ?? ''
    const isOwned = owned.has(uid) && (owned.get(uid) ?? sandboxId) === sandboxId
    return !isOwned && nowMs - startedAtMs > YOUNG_MS && (namespace === undefined || metadata[METADATA.namespace] === namespace)
  }
  const shown = new Set(sandboxes.map(({ sandboxId }) => sandboxId))
  const lost = agents.filter(({ metadata, status }) => {
    const sandbox = status?.sandbox
    return sandbox !== undefined && sandbox.state !== 'Gone' && !metadata.deletionTimestamp && !shown.has(sandbox.id)
  })
  const orphans = sandboxes.filter(isOrphan)
  const findings: Finding[] = []
  if (orphans.length > 0)
    findings.push({
      check,
      level: 'warn',
      message: `${orphans.length} without an Agent: ${orphans
        .slice(0, 5)
        .map(({ sandboxId }) => sandboxId)
        .join(', ')}${orphans.length > 5 ? ' …' : ''}`,
      advice:
        'the operator that leads ends them within a minute, if it has their key; after lifecycle.sandboxTimeout they end by themselves',
    })
  if (lost.length > 0)
    findings.push({
      check,
      level: 'warn',
      message: `E2B does not show those of ${lost.slice(0, 5).map(nameOf).join(', ')}${lost.length > 5 ? ` and ${lost.length - 5} more` : ''}`,
      advice: 'agents that have lost theirs are replaced within a minute; else the key is one of another team',
    })
  if (findings.length === 0) findings.push({ check, level: 'ok', message: `${sandboxes.length} of this installation, each with its Agent` })
  return findings
}

/** Sandboxes that may run at once, by the plans of E2B. */
const PLANS = [
  { name: 'Hobby', running: 20 },
  { name: 'Pro', running: 100 },
] as const

/** How far an account is from the limits that the plans of E2B are known to have; what its own limit is nobody tells. */
export function judgeKey(source: string, sandboxes: readonly SandboxInfo[]): Finding {
  const running = sandboxes.filter(({ state }) => state === 'running').length
  const message = `${source}: E2B takes it; ${counted(running, 'sandbox', 'es')} running, ${sandboxes.length - running} asleep`
  const plan = PLANS.find((p) => running <= p.running && running >= p.running * 0.9)
  if (!plan) return { check: 'key', level: 'ok', message }
  const advice = `plan ${plan.name} ends at ${plan.running} that run at once; ask for more, or lower replicas`
  return { check: 'key', level: 'warn', message, advice }
}

const counted = (n: number, word: string, more = 's'): string => `${n} ${word}${n === 1 ? '' : more}`
const nameOf = ({ kind, metadata }: Swarm | Agent): string =>
  `${kind === 'Swarm' ? 'swarm' : 'agent'} ${metadata.namespace}/${metadata.name}`
const conditionOf = ({ status }: Swarm | Agent, type: string) => status?.conditions?.find((condition) => condition.type === type)
const readyOf = (agent: Agent): string => conditionOf(agent, 'Ready')?.message ?? 'no operator has looked at it'
const isOlder = (time: string | undefined, ms: number, nowMs: number): boolean => time !== undefined && nowMs - Date.parse(time) > ms

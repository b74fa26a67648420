import type { Condition } from '../api/condition.ts'
import { isTrue } from '../api/conditions.ts'
import type { Agent, Rollout, ScalingPolicy, Swarm } from '../api/objects.ts'
import type { Fleet } from './fleet.ts'
import { ageOf, rowsOf, table, type Branch, type Cell, type Paint, type Tone } from './table.ts'

/** What is shown with, and when. */
export type Look = { readonly paint: Paint; readonly nowMs: number }

const conditionOf = (object: { status?: { conditions?: readonly Condition[] | undefined } | undefined }, type: string) =>
  object.status?.conditions?.find((condition) => condition.type === type)

/** One line a swarm. */
export function listText(swarms: readonly Swarm[], { paint, nowMs }: Look, hasNamespaces: boolean): string {
  const rows = swarms.map((swarm): Cell[] => {
    const { metadata, status } = swarm
    return [
      ...(hasNamespaces ? [metadata.namespace] : []),
      metadata.name,
      `${status?.readyReplicas ?? 0}/${status?.desiredReplicas ?? 0}`,
      revisionsOf(swarm),
      status?.rollout ?? '',
      hourlyOf(swarm),
      statusCell(swarm),
      ageOf(metadata.creationTimestamp, nowMs),
    ]
  })
  const heading = [...(hasNamespaces ? ['NAMESPACE'] : []), 'NAME', 'READY', 'REVISION', 'ROLLOUT', 'HOURLY', 'STATUS', 'AGE']
  return table(heading, rows, paint)
}

/** The revision that runs, and the one that follows it, if there is another. */
function revisionsOf({ status }: Swarm): string {
  const { currentRevision = '', updateRevision = '' } = status ?? {}
  return [...new Set([currentRevision, updateRevision])].filter(Boolean).join(' → ')
}

/** What the swarms cost. */
export function costText(swarms: readonly Swarm[], { paint }: Look): string {
  const rows = swarms.flatMap(({ metadata, status }): Cell[][] => {
    const { cost } = status ?? {}
    const own = [metadata.namespace, metadata.name, '', dollars(cost?.hourly), dollars(cost?.accumulated)]
    const named = (cost?.groups ?? []).filter(({ name }) => name !== '')
    return [own, ...named.map((group) => ['', '', group.name, dollars(group.hourly), dollars(group.accumulated)])]
  })
  return table(['NAMESPACE', 'SWARM', 'GROUP', 'HOURLY', 'SPENT'], rows, paint)
}

/** A swarm as a tree: its rollout, its revisions with their agents, its warm pool, its policies. */
export function statusText(fleet: Fleet, look: Look): string {
  const { swarm, rollout } = fleet
  const message = (conditionOf(swarm, 'Reconciling') ?? conditionOf(swarm, 'Stalled') ?? conditionOf(swarm, 'Ready'))?.message ?? ''
  const cost = swarm.status?.cost && `${dollars(swarm.status.cost.hourly)} an hour, ${dollars(swarm.status.cost.accumulated)} spent`
  const head = [`Swarm ${swarm.metadata.namespace}/${swarm.metadata.name}`, ...(message ? [message] : []), ...(cost ? [cost] : [])]
  const troubles = WARNINGS.flatMap((type) => conditionOf(swarm, type) ?? []).filter((trouble) => trouble.message !== message)
  const warnings = troubles.map((trouble) => `${trouble.type}: ${trouble.message}`)
  const failure = rollout?.status?.state?.activity === 'Aborted' ? rollout.status.state.failure : undefined
  if (rollout && failure) warnings.push(`${rollout.kind} ${rollout.metadata.name} was given up: ${failure.message}`)
  const goneBack = rollout && wentBack(rollout)
  if (goneBack !== undefined) head.push(goneBack)
  const lines = [...head, ...warnings.map((warning) => look.paint(warning, 'warn'))]
  const tree = table(['NAME', 'TASKS', 'STATUS', 'HEALTH', 'GROUP', 'AGE'], rowsOf(treeOf(fleet, look)), look.paint)
  return `${lines.join('\n')}\n\n${tree}`
}

/** Why the revision of the template is not the one that runs, if a person asked for another one. */
function wentBack({ status }: Rollout): string | undefined {
  const { wantedRevision: wanted, templateRevision, stableRevision } = status?.state ?? {}
  if (wanted === undefined || wanted === templateRevision) return undefined
  const does = wanted === stableRevision ? 'runs' : 'is rolled out'
  return `spec.template is revision ${templateRevision}; ${wanted} ${does}, as asked by RollbackTo, until the template changes`
}

/** Conditions that are there only while something is wrong. */
const WARNINGS = ['QuotaExceeded', 'BudgetExceeded', 'MassFailure', 'RevisionRejected']

function treeOf(fleet: Fleet, look: Look): Branch {
  const { swarm, agents, rollout, policies } = fleet
  const warm = agents.filter(({ spec }) => spec.state === 'Warm')
  const workers = agents.filter((agent) => !warm.includes(agent))
  const traffic = new Map((swarm.status?.traffic ?? []).map(({ revision, percent }) => [revision, percent]))
  const revisions = [...new Set([...traffic.keys(), ...workers.map(({ spec }) => spec.revision)])]
  return {
    name: swarm.metadata.name,
    cells: ['', statusCell(swarm), '', '', ageOf(swarm.metadata.creationTimestamp, look.nowMs)],
    below: [
      ...(rollout ? [rolloutBranch(rollout)] : []),
      ...revisions.map((revision) => revisionBranch(revision, { ...fleet, agents: workers }, { ...look, percent: traffic.get(revision) })),
      ...(swarm.status?.warmPool ? [poolBranch(swarm, warm, look)] : []),
      ...policies.map(policyBranch),
    ],
  }
}

function rolloutBranch(rollout: Rollout): Branch {
  const { state, step, metrics = [] } = rollout.status ?? {}
  const tone: Tone = state?.activity === 'Aborted' ? 'bad' : state?.hold ? 'warn' : 'good'
  const last = new Map(metrics.map((metric) => [metric.name, metric])) // of each the last run
  return {
    name: `${rollout.kind} ${rollout.metadata.name}`,
    cells: ['', { text: [state?.activity ?? 'Unknown', step].filter(Boolean).join(', '), tone }],
    below: [...last.values()].map(metricBranch),
  }
}

/** The last measurement of a metric; how each came about is in the status. */
function metricBranch({ name, measurements }: NonNullable<NonNullable<Rollout['status']>['metrics']>[number]): Branch {
  const last = measurements.at(-1)
  const cell: Cell = last
    ? { text: [last.result, last.value].filter(Boolean).join(' '), tone: RESULT_TONE[last.result] }
    : { text: 'not measured yet', tone: 'dim' }
  return { name: `metric ${name}`, cells: ['', cell], below: [] }
}

const RESULT_TONE = { Success: 'good', Failure: 'bad', Error: 'bad', Inconclusive: 'warn', NoData: 'warn' } as const satisfies Record<
  string,
  Tone
>

function revisionBranch(revision: string, { swarm, rollout, agents }: Fleet, look: Look & { percent: number | undefined }): Branch {
  const own = agents.filter(({ spec }) => spec.revision === revision)
  const { stableRevision = swarm.status?.currentRevision, targetRevision = swarm.status?.updateRevision } = rollout?.status?.state ?? {}
  const roles = [
    ...(revision === stableRevision ? ['stable'] : []),
    ...(revision === targetRevision && revision !== stableRevision ? ['new'] : []),
  ]
  const samples = rollout?.status?.weights?.find((weight) => weight.revision === revision)
  const counted = samples && samples.samples > 0 ? `${samples.failed} of ${samples.samples} failed` : ''
  const ready = own.filter(isReady).length
  return {
    name: [`revision ${revision}`, ...(roles.length > 0 ? [`(${roles.join(', ')})`] : [])].join(' '),
    cells: [`${look.percent ?? 0} %`, { text: `${ready} of ${own.length} ready`, tone: ready === own.length ? 'good' : 'warn' }, counted],
    below: own.map((agent) => agentBranch(agent, look)),
  }
}

function poolBranch({ spec, status }: Swarm, warm: readonly Agent[], look: Look): Branch {
  const { readyReplicas = 0 } = status?.warmPool ?? {}
  return {
    name: 'warm pool',
    cells: ['', `${readyReplicas} of ${spec.warmPool?.replicas ?? 0} ready`],
    below: warm.map((agent) => agentBranch(agent, look)),
  }
}

function policyBranch(policy: ScalingPolicy): Branch {
  const { spec, status } = policy
  const active = conditionOf(policy, 'ScalingActive')
  const bounds = `${spec.minReplicas} to ${spec.maxReplicas}, wants ${status?.wantedReplicas ?? '?'}`
  const cell: Cell = active?.status === 'True' ? bounds : { text: `${bounds}: ${active?.reason ?? 'not seen yet'}`, tone: 'warn' }
  return { name: `ScalingPolicy ${policy.metadata.name}`, cells: ['', cell, '', spec.target.group ?? ''], below: [] }
}

function agentBranch(agent: Agent, { nowMs }: Look): Branch {
  const { metadata, spec, status } = agent
  const health = status?.health
  const tone: Tone | undefined = health && HEALTH_TONE[health.state]
  const isWarm = spec.state === 'Warm'
  return {
    name: metadata.name,
    cells: [
      '',
      statusCell(agent),
      isWarm || !health ? '' : tone ? { text: health.state, tone } : health.state,
      spec.group,
      ageOf(metadata.creationTimestamp, nowMs),
    ],
    below: [],
  }
}

const HEALTH_TONE: Readonly<Record<string, Tone>> = { Healthy: 'good', Degraded: 'warn', Critical: 'bad', Failed: 'bad' }

const isReady = (agent: Agent): boolean => isTrue(agent, 'Ready')

function statusCell(object: Swarm | Agent): Cell {
  const ready = conditionOf(object, 'Ready')
  if (!ready) return 'Unknown'
  const isStalled = isTrue(object, 'Stalled')
  const isCalm = object.kind === 'Agent' && (object.spec.state === 'Warm' || object.spec.state === 'Paused')
  return { text: ready.reason, tone: ready.status === 'True' ? 'good' : isStalled ? 'bad' : isCalm ? 'dim' : 'warn' }
}

const hourlyOf = ({ status }: Swarm): string => dollars(status?.cost?.hourly)
const dollars = (amount: string | undefined): string => (amount === undefined ? '' : `$${amount}`)

import { dashboard, labelVariable, type Dashboard, type Section } from './model.ts'

const OF = 'namespace=~"$namespace",swarm=~"$swarm"'
const BY = 'namespace, swarm'
const NAME = '{{namespace}}/{{swarm}}'
const rate = (metric: string, more = '') => `rate(${metric}{${OF}${more && `,${more}`}}[$__rate_interval])`
const quantile = (q: number, metric: string, by: string) => `histogram_quantile(${q}, sum by (${by}, le) (${rate(`${metric}_bucket`)}))`

/** Outcomes that are no failures of the swarm, as in the alert rules. */
const NO_FAULT =
  'Done|Cancelled|TaskRejected|NoConsensus|NoAgentWithCapability|RevisionNotFound|QueueFull|WouldTimeOut|StageFull|QueueTimeout'
const PUT_OFF = 'QueueFull|WouldTimeOut|StageFull|QueueTimeout'
const tasks = (more?: string) => `sum by (${BY}) (${rate('swarmops_router_tasks_total', more)})`
/** A part of the tasks; 0 where there are tasks and none of those. */
const share = (more: string) => `(${tasks(more)} or ${tasks()} * 0) / (${tasks()} > 0)`
/** What the operator tells: only the one that leads has it right, the others are silent or behind. */
const told = (metric: string, by = BY, more = '') => `max by (${by}) (swarmops_operator_${metric}{${OF}${more && `,${more}`}})`
const routers = (metric: string, by = BY) => `sum by (${by}) (swarmops_router_${metric}{${OF}})`

const NOW: Section = {
  title: 'Now',
  perRow: 8,
  height: 4,
  panels: [
    {
      title: 'Tasks a second',
      what: 'Tasks that ended, whatever became of them.',
      kind: 'stat',
      unit: 'reqps',
      queries: [[`sum(${rate('swarmops_router_tasks_total')})`, '']],
    },
    {
      title: 'Errors',
      what: 'Share of the tasks that failed for reasons that are not the clients’.',
      kind: 'stat',
      unit: 'percentunit',
      levels: [0.01, 0.05],
      queries: [
        [
          `(sum(${rate('swarmops_router_tasks_total', `outcome!~"${NO_FAULT}"`)}) or vector(0)) / sum(${rate('swarmops_router_tasks_total')})`,
          '',
        ],
      ],
    },
    {
      title: 'p95',
      what: 'Time from acceptance to answer that 95 % of the tasks do not exceed.',
      kind: 'stat',
      unit: 's',
      levels: [2, 5],
      queries: [[`histogram_quantile(0.95, sum by (le) (${rate('swarmops_router_task_seconds_bucket')}))`, '']],
    },
    {
      title: 'In flight',
      what: 'Tasks that agents work on.',
      kind: 'stat',
      queries: [[`sum(swarmops_router_in_flight{${OF}})`, '']],
    },
    {
      title: 'Waiting',
      what: 'Tasks that wait for an agent.',
      kind: 'stat',
      queries: [[`sum(swarmops_router_queue_length{${OF}})`, '']],
    },
    {
      title: 'Agents missing',
      what: 'Agents that are wanted and not ready.',
      kind: 'stat',
      levels: [1, 5],
      queries: [[`sum(${told('agents_desired')}) - sum(${told('agents', BY, 'state="ready"')})`, '']],
    },
    {
      title: 'Dollars an hour',
      what: 'What the running sandboxes cost an hour, by the price table.',
      kind: 'stat',
      unit: 'currencyUSD',
      queries: [[`sum(${told('cost_hourly_dollars', `${BY}, group`)})`, '']],
    },
    {
      title: 'Alerts',
      what: 'Alerts of these rules that fire.',
      kind: 'stat',
      levels: [1, 1],
      queries: [['count(ALERTS{alertname=~"Swarm.+",alertstate="firing"}) or vector(0)', '']],
    },
  ],
}

const TASKS: Section = {
  title: 'Tasks',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Tasks by outcome',
      what: 'Tasks that ended, by what became of them.',
      unit: 'reqps',
      stacked: true,
      queries: [[`sum by (outcome) (${rate('swarmops_router_tasks_total')})`, '{{outcome}}']],
    },
    {
      title: 'Error rate',
      what: 'Share of the tasks that failed; an alert fires above 5 %.',
      unit: 'percentunit',
      levels: [0.05, 0.1],
      queries: [[share(`outcome!~"${NO_FAULT}"`), NAME]],
    },
    {
      title: 'Latency',
      what: 'From acceptance to answer, waiting included.',
      unit: 's',
      levels: [2, 5],
      queries: [0.5, 0.95, 0.99].map((q) => [quantile(q, 'swarmops_router_task_seconds', BY), `${NAME} p${q * 100}`] as const),
    },
    {
      title: 'In flight and waiting',
      what: 'Tasks that agents work on, and tasks that wait for one.',
      queries: [
        [routers('in_flight'), `${NAME} in flight`],
        [routers('queue_length'), `${NAME} waiting`],
      ],
    },
    {
      title: 'Queue used',
      what: 'The fullest queue of a router; when it is full, tasks are refused.',
      unit: 'percentunit',
      max: 1,
      levels: [0.5, 0.8],
      queries: [[`max by (${BY}) (swarmops_router_queue_length{${OF}} / (swarmops_router_queue_limit{${OF}} > 0))`, NAME]],
    },
    {
      title: 'Put off',
      what: 'Share of the tasks that got 429 because all agents were busy.',
      unit: 'percentunit',
      levels: [0.01, 0.05],
      queries: [[share(`outcome=~"${PUT_OFF}"`), NAME]],
    },
    {
      title: 'Attempts by outcome',
      what: 'Requests to agents. A task may have several.',
      unit: 'reqps',
      stacked: true,
      queries: [[`sum by (outcome) (${rate('swarmops_router_attempts_total')})`, '{{outcome}}']],
    },
    {
      title: 'Retries',
      what: 'Attempts after the first, and tasks that were not tried again because the retry budget was spent.',
      unit: 'reqps',
      queries: [
        [`sum by (${BY}) (${rate('swarmops_router_retries_total')})`, `${NAME} retried`],
        [`sum by (${BY}) (${rate('swarmops_router_retries_over_budget_total')})`, `${NAME} over budget`],
      ],
    },
    {
      title: 'Time in the queue',
      what: 'Of tasks that had to wait for an agent.',
      unit: 's',
      queries: [[quantile(0.95, 'swarmops_router_queue_seconds', BY), `${NAME} p95`]],
    },
  ],
}

const AGENTS: Section = {
  title: 'Agents',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Agents by state',
      what: 'All agents of the chosen swarms.',
      stacked: true,
      queries: [[`sum by (state) (${told('agents', `${BY}, state`)})`, '{{state}}']],
    },
    {
      title: 'Wanted and ready',
      what: 'A gap that stays is a scale-up, an update or a replacement that does not end.',
      queries: [
        [told('agents_desired'), `${NAME} wanted`],
        [told('agents', BY, 'state="ready"'), `${NAME} ready`],
      ],
    },
    {
      title: 'Agents by health',
      what: 'As judged by errors, latency, processor and memory.',
      stacked: true,
      queries: [[`sum by (state) (${told('agents_health', `${BY}, state`)})`, '{{state}}']],
    },
    {
      title: 'Left out by routers',
      what: 'Ready agents that a router does not give tasks: silent, or with an open circuit.',
      queries: [[`max by (${BY}) (swarmops_router_agents_ejected{${OF}})`, NAME]],
    },
    {
      title: 'Circuits opened',
      what: 'Agents that a router began to leave out because their attempts failed.',
      unit: 'ops',
      queries: [[`sum by (${BY}) (${rate('swarmops_router_circuit_opens_total')})`, NAME]],
    },
    {
      title: 'Held up',
      what: '1 while the condition holds.',
      kind: 'state-timeline',
      levels: [1, 1],
      queries: ['mass_failure', 'stalled', 'budget_exceeded', 'quota_exceeded'].map(
        (name) => [told(name), `${NAME} ${name.replace('_', ' ')}`] as const,
      ),
    },
  ],
}

const ROLLOUTS: Section = {
  title: 'Rollouts',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Tasks by revision',
      what: 'Share of the attempts that each revision really has.',
      unit: 'percentunit',
      stacked: true,
      max: 1,
      queries: [
        [
          `sum by (${BY}, revision) (${rate('swarmops_router_attempts_total')}) / on (${BY}) group_left () sum by (${BY}) (${rate('swarmops_router_attempts_total')})`,
          `${NAME} {{revision}}`,
        ],
      ],
    },
    {
      title: 'Weight of the new revision',
      what: 'Percent of new tasks that it is meant to have.',
      unit: 'percent',
      max: 100,
      queries: [[told('rollout_weight', `${BY}, kind, rollout`), '{{namespace}}/{{rollout}}']],
    },
    {
      title: 'What rollouts do',
      what: 'Idle, Stepping, Promoting, Returning, Aborted; and whether they wait for a person.',
      kind: 'state-timeline',
      queries: [
        [`${told('rollout_activity', `${BY}, kind, rollout, activity`)} == 1`, '{{namespace}}/{{rollout}} {{activity}}'],
        [told('rollout_paused', `${BY}, kind, rollout`), '{{namespace}}/{{rollout}} waits for a person'],
      ],
    },
    {
      title: 'Failed attempts by revision',
      what: 'Share of the attempts of each revision that did not end in a result.',
      unit: 'percentunit',
      levels: [0.05, 0.1],
      queries: [
        [
          `1 - sum by (${BY}, revision) (${rate('swarmops_router_attempts_total', 'outcome="Done"')}) / sum by (${BY}, revision) (${rate('swarmops_router_attempts_total')} > 0)`,
          `${NAME} {{revision}}`,
        ],
      ],
    },
    {
      title: 'Latency by revision',
      what: 'p95 of tasks that were done.',
      unit: 's',
      queries: [[quantile(0.95, 'swarmops_router_task_seconds', `${BY}, revision`), `${NAME} {{revision}}`]],
    },
    {
      title: 'Measurements',
      what: 'Measurements of analyses by source and result.',
      unit: 'ops',
      queries: [
        ['sum by (kind, result) (rate(swarmops_operator_measurements_total[$__rate_interval])) > 0', '{{kind}} {{result}}'],
        [`sum by (${BY}) (${rate('swarmops_router_guard_trips_total')})`, `${NAME} guard tripped`],
      ],
    },
  ],
}

const POLICY = `${BY}, policy`
const SCALING: Section = {
  title: 'Scaling and cost',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Replicas by policy',
      what: 'What a ScalingPolicy found and decided, and the agents that are ready.',
      queries: [
        [told('scaling_current_replicas', POLICY), '{{namespace}}/{{policy}} before'],
        [told('scaling_wanted_replicas', POLICY), '{{namespace}}/{{policy}} wanted'],
        [told('agents', BY, 'state="ready"'), `${NAME} ready`],
      ],
    },
    {
      title: 'Changes of replicas',
      what: 'Scale-ups and scale-downs by policies.',
      unit: 'ops',
      queries: [
        [`sum by (${POLICY}, direction) (${rate('swarmops_operator_scaling_changes_total')})`, '{{namespace}}/{{policy}} {{direction}}'],
      ],
    },
    {
      title: 'Policies held up',
      what: '1 while a policy is limited, cannot set replicas, or lacks a metric.',
      kind: 'state-timeline',
      levels: [1, 1],
      queries: ['limited', 'failing', 'metrics_failing'].map(
        (name) => [told(`scaling_${name}`, POLICY), `{{namespace}}/{{policy}} ${name.replace('_', ' ')}`] as const,
      ),
    },
    {
      title: 'Cost an hour',
      what: 'What the running sandboxes cost.',
      unit: 'currencyUSD',
      stacked: true,
      queries: [[`sum by (${BY}) (${told('cost_hourly_dollars', `${BY}, group`)})`, NAME]],
    },
    {
      title: 'Cost so far',
      what: 'What the sandboxes have cost since their swarms exist.',
      unit: 'currencyUSD',
      queries: [[`sum by (${BY}) (${told('cost_accumulated_dollars', `${BY}, group`)})`, NAME]],
    },
    {
      title: 'Quotas used',
      what: 'Used part of what ResourceQuotas allow; the rest is the headroom.',
      unit: 'percentunit',
      max: 1,
      levels: [0.8, 0.9],
      queries: [
        [
          'max by (namespace, quota, resource) (swarmops_operator_quota{namespace=~"$namespace",type="used"}) / (max by (namespace, quota, resource) (swarmops_operator_quota{namespace=~"$namespace",type="hard"}) > 0)',
          '{{namespace}}/{{quota}} {{resource}}',
        ],
      ],
    },
  ],
}

const RINGS: Section = {
  title: 'Topologies',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Room of stages',
      what: 'Tasks that the agents of a stage of a ring take at once; 0 while it is broken.',
      queries: [[routers('stage_capacity', `${BY}, stage`), `${NAME} {{stage}}`]],
    },
    {
      title: 'Time in stages',
      what: 'p95, waiting included.',
      unit: 's',
      queries: [[quantile(0.95, 'swarmops_router_stage_seconds', `${BY}, stage`), `${NAME} {{stage}}`]],
    },
    {
      title: 'Changes of leaders',
      what: 'Times that another agent came to lead, by cause.',
      unit: 'ops',
      queries: [[`sum by (${BY}, cause) (${rate('swarmops_router_leader_changes_total')})`, `${NAME} {{cause}}`]],
    },
  ],
}

/** The fleets: what their tasks, agents, rollouts and costs do. */
export const fleetDashboard = (): Dashboard =>
  dashboard({
    uid: 'swarmops-fleet',
    title: 'Swarms',
    description: 'Tasks, agents, rollouts, scaling and cost of swarms.',
    variables: [
      labelVariable('namespace', 'Namespace', 'label_values(swarmops_operator_agents_desired, namespace)'),
      labelVariable('swarm', 'Swarm', 'label_values(swarmops_operator_agents_desired{namespace=~"$namespace"}, swarm)'),
    ],
    sections: [NOW, TASKS, AGENTS, ROLLOUTS, SCALING, RINGS],
  })

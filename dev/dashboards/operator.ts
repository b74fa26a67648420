import { dashboard, labelVariable, type Dashboard, type Section } from './model.ts'

const OF = 'job=~"$job"'
const rate = (metric: string, more = '') => `rate(${metric}{${OF}${more && `,${more}`}}[$__rate_interval])`
const quantile = (q: number, metric: string, by: string) => `histogram_quantile(${q}, sum by (${by}, le) (${rate(`${metric}_bucket`)}))`

const NOW: Section = {
  title: 'Now',
  perRow: 6,
  height: 4,
  panels: [
    {
      title: 'Leads',
      what: 'Operators that hold their Lease; 1 for each Lease.',
      kind: 'stat',
      queries: [['sum by (lease) (swarmops_leader)', '{{lease}}']],
    },
    { title: 'Swarms', what: 'Swarms that are looked after.', kind: 'stat', queries: [['max(swarmops_operator_swarms)', '']] },
    {
      title: 'Routers',
      what: 'Routers that serve, and those that tell the operator what they do.',
      kind: 'stat',
      queries: [['max by (state) (swarmops_operator_routers)', '{{state}}']],
    },
    {
      title: 'Open tasks',
      what: 'Tasks that routers have accepted and not answered.',
      kind: 'stat',
      queries: [['sum(swarmops_router_open_tasks)', '']],
    },
    {
      title: 'Waiting for E2B',
      what: 'Calls that wait for a turn under the limits of E2B.',
      kind: 'stat',
      levels: [10, 100],
      queries: [['max(swarmops_provider_waiting)', '']],
    },
    {
      title: 'Orphans ended',
      what: 'Sandboxes that no agent owned, in the last hour.',
      kind: 'stat',
      levels: [1, 10],
      queries: [['sum(increase(swarmops_operator_orphans_killed_total[1h]))', '']],
    },
  ],
}

const PASSES: Section = {
  title: 'Passes and queues',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Passes',
      what: 'Looks at objects, by controller.',
      unit: 'ops',
      queries: [[`sum by (controller) (${rate('swarmops_reconciles_total')})`, '{{controller}}']],
    },
    {
      title: 'Passes that failed or wait',
      what: 'backoff: failed; after: waits for something outside; never: a person must change something.',
      unit: 'ops',
      queries: [[`sum by (controller, outcome) (${rate('swarmops_reconciles_total', 'outcome!="ok"')})`, '{{controller}} {{outcome}}']],
    },
    {
      title: 'Duration of passes',
      what: 'From taken to done.',
      unit: 's',
      queries: [0.5, 0.99].map(
        (q) => [quantile(q, 'swarmops_workqueue_work_seconds', 'controller'), `{{controller}} p${q * 100}`] as const,
      ),
    },
    {
      title: 'Queues',
      what: 'Objects that are ready to be worked on, and those that are.',
      queries: [
        [`sum by (controller) (swarmops_workqueue_depth{${OF}})`, '{{controller}} ready'],
        [`sum by (controller) (swarmops_workqueue_running{${OF}})`, '{{controller}} running'],
        [`sum by (controller) (swarmops_workqueue_delayed{${OF}})`, '{{controller}} delayed'],
      ],
    },
    {
      title: 'Wait for a turn',
      what: 'p99 of the time from ready to taken.',
      unit: 's',
      levels: [1, 10],
      queries: [[quantile(0.99, 'swarmops_workqueue_latency_seconds', 'controller'), '{{controller}}']],
    },
    {
      title: 'Longest pass',
      what: 'Age of the longest running one; each is limited.',
      unit: 's',
      levels: [120, 300],
      queries: [[`max by (controller) (swarmops_workqueue_longest_running_seconds{${OF}})`, '{{controller}}']],
    },
  ],
}

const KUBERNETES: Section = {
  title: 'API server',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Requests',
      what: 'By kind and verb.',
      unit: 'reqps',
      queries: [[`sum by (kind, verb) (${rate('swarmops_kube_requests_total')})`, '{{verb}} {{kind}}']],
    },
    {
      title: 'Answers that are not 2xx',
      what: '0 is no answer. 409 and 404 are ordinary now and then.',
      unit: 'reqps',
      queries: [[`sum by (code) (${rate('swarmops_kube_requests_total', 'code!~"2.."')})`, '{{code}}']],
    },
    {
      title: 'Latency',
      what: 'p99 by verb; of a watch, the time until it is open.',
      unit: 's',
      queries: [[quantile(0.99, 'swarmops_kube_request_seconds', 'verb'), '{{verb}}']],
    },
    {
      title: 'Watches and lists',
      what: 'A list after the start means that a watch could not be continued.',
      unit: 'ops',
      queries: [
        [`sum by (job) (${rate('swarmops_informer_watches_total')})`, '{{job}} watches'],
        [`sum by (job) (${rate('swarmops_informer_lists_total')})`, '{{job}} lists'],
      ],
    },
    {
      title: 'Objects and changes',
      what: 'Objects in the caches, and changes seen.',
      queries: [
        [`max by (job, kind) (swarmops_informer_objects{${OF}})`, '{{job}} {{kind}}'],
        [`sum by (kind) (${rate('swarmops_informer_events_total')})`, '{{kind}} changes a second'],
      ],
    },
    {
      title: 'Checks of tokens',
      what: 'Questions about tokens and rights that the API server did not answer, and answers that are remembered.',
      queries: [
        [`sum by (job) (${rate('swarmops_access_unanswered_total')})`, '{{job}} unanswered a second'],
        [`sum by (job, what, answer) (swarmops_access_cached{${OF}})`, '{{job}} {{what}} {{answer}}'],
      ],
    },
  ],
}

const PROVIDER: Section = {
  title: 'E2B and agents',
  perRow: 3,
  height: 8,
  panels: [
    {
      title: 'Calls',
      what: 'By operation.',
      unit: 'reqps',
      queries: [[`sum by (operation) (${rate('swarmops_provider_calls_total')})`, '{{operation}}']],
    },
    {
      title: 'Calls that did not do',
      what: 'rejected: the key; quota: no room; rate-limited; unavailable and ambiguous: no answer.',
      unit: 'reqps',
      queries: [[`sum by (operation, outcome) (${rate('swarmops_provider_calls_total', 'outcome!="ok"')})`, '{{operation}} {{outcome}}']],
    },
    {
      title: 'Latency of calls',
      what: 'p95 by operation, the wait for a turn not counted.',
      unit: 's',
      queries: [[quantile(0.95, 'swarmops_provider_call_seconds', 'operation'), '{{operation}}']],
    },
    {
      title: 'Checks of agents',
      what: 'By the operator, by result.',
      unit: 'reqps',
      queries: [[`sum by (outcome) (${rate('swarmops_provider_probes_total')})`, '{{outcome}}']],
    },
    {
      title: 'Sweeps',
      what: 'Looks at all sandboxes; orphans are ended and those in use get more time.',
      unit: 'ops',
      queries: [[`sum by (result) (${rate('swarmops_operator_sweeps_total')})`, '{{result}}']],
    },
    {
      title: 'Roles and neighbours',
      what: 'Agents that wait to be told what changed in their swarm, and what became of telling them.',
      queries: [
        ['max(swarmops_operator_topology_pending)', 'waiting'],
        [`sum by (result) (${rate('swarmops_operator_topology_publications_total')})`, '{{result}} a second'],
      ],
    },
  ],
}

const PROCESSES: Section = {
  title: 'Processes',
  perRow: 4,
  height: 8,
  panels: [
    { title: 'Processor', what: 'Of one.', unit: 'percentunit', queries: [[rate('process_cpu_seconds_total'), '{{job}} {{instance}}']] },
    { title: 'Memory', what: 'Resident.', unit: 'bytes', queries: [[`process_resident_memory_bytes{${OF}}`, '{{job}} {{instance}}']] },
    {
      title: 'Event loop',
      what: 'p99 of its delay: while it is high everything is late.',
      unit: 's',
      levels: [0.1, 0.5],
      queries: [[`nodejs_eventloop_lag_p99_seconds{${OF}}`, '{{job}} {{instance}}']],
    },
    {
      title: 'Certificates',
      what: 'Days until the certificate of the port expires.',
      unit: 'd',
      queries: [[`(min by (job) (swarmops_tls_certificate_expiry_seconds{${OF}}) - time()) / 86400`, '{{job}}']],
    },
  ],
}

/** The operator and the routers themselves. */
export const operatorDashboard = (): Dashboard =>
  dashboard({
    uid: 'swarmops-operator',
    title: 'swarm-operator',
    description: 'Health of the operator and the routers themselves.',
    variables: [labelVariable('job', 'Job', 'label_values(swarmops_kube_requests_total, job)')],
    sections: [NOW, PASSES, KUBERNETES, PROVIDER, PROCESSES],
  })

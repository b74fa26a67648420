import Type, { type Static } from 'typebox'
import { choice, duration, objectName, rules } from './schema.ts'
import { Metrics, OnInconclusive } from './analysis.ts'
import { Testers } from './rollout-traffic.ts'

/** Why a rollout is as it is: the reason of conditions, Events and history, and the label of metrics. */
export const ROLLOUT_REASON = {
  // where it is
  idle: 'NothingToRollOut',
  stepping: 'RolloutProgressing',
  promoting: 'Promoting',
  returning: 'ReturningToStable',
  noAgents: 'SwarmHasNoAgents',
  // Events
  started: 'RolloutStarted',
  stepDone: 'StepCompleted',
  resumed: 'RolloutResumed',
  promoted: 'Promoted',
  restarted: 'StepsChanged',
  // why it goes back
  guardTripped: 'GuardTripped',
  analysisFailed: 'AnalysisFailed',
  analysisError: 'AnalysisError',
  analysisInconclusive: 'AnalysisInconclusive',
  deadlineExceeded: 'ProgressDeadlineExceeded',
  abortedByRequest: 'AbortedByRequest',
  templateChanged: 'TemplateChanged',
  templateReverted: 'TemplateReverted',
  rolledBack: 'RolledBackByRequest',
  // why it waits
  pausedByRequest: 'PausedByRequest',
  pausedBySpec: 'PausedBySpec',
  pauseStep: 'PauseStep',
} as const

/** One of the closed set of reasons of rollouts. */
export type RolloutReason = (typeof ROLLOUT_REASON)[keyof typeof ROLLOUT_REASON]

/** The Swarm that is rolled out. */
const SwarmName = objectName('Swarm in the same namespace whose template changes are rolled out. One rollout a Swarm.')

/** What every router checks after each attempt of the new revision. */
const GuardSpec = Type.Object(
  {
    maxErrorPercent: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 10,
      description: 'Percent of the attempts of the new revision that may fail; with more, the router sends it nothing more at once.',
    }),
    minSamples: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 10,
      description: 'Attempts within the window below which it does not judge.',
    }),
    window: duration({ default: '30s', min: '1s', max: '10m', description: 'How far back attempts count.' }),
  },
  { default: {}, description: 'The short way back: each router by itself, without waiting for the operator.' },
)
type GuardSpec = Static<typeof GuardSpec>

/** The revisions that may be gone back to without the steps. */
const RollbackWindow = Type.Integer({
  minimum: 0,
  maximum: 10,
  default: 3,
  description:
    'Revisions that were stable last to which going back is one step; further back runs all steps. A revision whose agents are still kept is always one step away.',
})

const delay = (value: string, what: string) => duration({ default: value, min: '0s', max: '24h', description: what })

/** What both kinds of rollouts have in common. */
export const COMMON = {
  swarm: SwarmName,
  guard: GuardSpec,
  testers: Type.Optional(Testers),
  onInconclusive: OnInconclusive,
  rollbackWindow: RollbackWindow,
  abortScaleDownDelay: delay('30s', 'How long agents of a revision that was given up stay, without tasks.'),
  scaleDownDelay: delay(
    '30s',
    'How long agents of the revision that was stable before stay, without tasks, so that going back is only a weight.',
  ),
  progressDeadline: duration({
    default: '10m',
    min: '1s',
    max: '24h',
    description:
      'How long agents may take to become ready, or routers to follow, without any progress, before the rollout is given up. Pauses and analyses do not count.',
  }),
  paused: Type.Boolean({ default: false, description: 'Nothing goes on while this is true. A breach still goes back.' }),
}

/** Metrics that are measured side by side, at one point of a rollout. */
export const Analysis = Type.Object(
  { metrics: Metrics },
  { description: 'What is measured, until all of it has succeeded or one has not.' },
)

/** Metrics that are measured all the time. */
export const BackgroundAnalysis = Type.Object(
  {
    fromStep: Type.Integer({ minimum: 1, maximum: 64, default: 1, description: 'Step from which on it is measured.' }),
    metrics: Metrics,
  },
  { description: 'What is measured from a step on until the end. Each metric must have succeeded before the revision is promoted.' },
)

const BY_OTHERS = 'metrics.all(m, !has(m.judge) || m.judge.swarm != self.swarm)'

/** Rules by which no analysis in these fields, and in those of the list of steps, is judged by the Swarm that is rolled out. */
export const judgedByOthers = (...fields: readonly string[]) =>
  fields.map((field) => ({
    rule:
      field === 'steps'
        ? `!has(self.steps) || self.steps.all(s, !has(s.analysis) || s.analysis.${BY_OTHERS})`
        : `!has(self.${field}) || self.${field}.${BY_OTHERS}`,
    message: 'a Swarm cannot judge its own rollout; name another one in judge.swarm',
    fieldPath: `.${field}`,
  }))

/** What a person can ask of a rollout. */
export const REQUESTS = ['Pause', 'Resume', 'Promote', 'PromoteFully', 'SkipStep', 'Abort', 'Retry', 'RollbackTo'] as const

/** A wish of a person. It is answered once, by its id; the spec, which belongs to GitOps, stays as it is. */
export const Request = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 64, description: 'Any text that no earlier request had.' }),
    action: choice([...REQUESTS], {
      description:
        'Pause; Resume; Promote: end the pause that it waits in; PromoteFully: leave out the remaining steps; SkipStep: leave out this step; Abort: back to stable; Retry: try the failed revision again; RollbackTo: roll out an earlier revision, until the template changes.',
    }),
    revision: Type.Optional(
      Type.String({
        maxLength: 63,
        description: 'RollbackTo: where to. Otherwise: the new revision that is meant; with another one under way it is refused.',
      }),
    ),
    by: Type.Optional(Type.String({ maxLength: 128, description: 'Who asks, for the Events.' })),
  },
  {
    description: 'A wish of a person, written to the status sub-resource. It goes when it is answered.',
    ...rules({ rule: "self.action != 'RollbackTo' || has(self.revision)", message: 'RollbackTo needs revision: the hash to go back to' }),
  },
)
export type Request = Static<typeof Request>

const time = (description: string) => Type.String({ format: 'date-time', description })
const hash = (description: string) => Type.String({ maxLength: 63, description })
const reason = Type.String({ maxLength: 64, description: 'One word for programs.' })
const message = Type.String({ maxLength: 1024, description: 'One sentence for people, with the figures.' })

const Answer = Type.Object(
  {
    id: Type.String({ maxLength: 64, description: 'Id of the request.' }),
    accepted: Type.Boolean({ description: 'Whether it was done.' }),
    message,
    at: time('When it was answered.'),
  },
  { description: 'Answer to the last request.' },
)
export type Answer = Static<typeof Answer>

/** Rollouts that are remembered. */
export const MAX_HISTORY = 10

/** Revisions that were stable and are remembered. */
export const MAX_RECENT = 10

/** Revisions without tasks whose agents are kept at once. */
export const MAX_KEPT = 8

const Ended = Type.Object(
  {
    revision: hash('Revision that was rolled out.'),
    result: choice(['Promoted', 'Aborted', 'Reverted', 'Replaced'], {
      description: 'Promoted: it is stable now; Aborted: given up; Reverted: the template was set back; Replaced: a newer one came.',
    }),
    reason,
    message,
    step: Type.Integer({ minimum: 0, description: 'Step that it had come to; 0 before the first.' }),
    startedAt: time('When it began.'),
    endedAt: time('When it ended.'),
  },
  { description: 'A rollout that has ended.' },
)
export type Ended = Static<typeof Ended>

const Kept = Type.Object(
  {
    revision: hash('Revision without tasks.'),
    until: time('When its agents may go.'),
    wasStable: Type.Boolean({ description: 'It was stable: going back to it is one step.' }),
  },
  { description: 'A revision whose agents are kept for a while, without tasks.' },
)

const Scale = Type.Object(
  {
    by: choice(['Weight', 'Count', 'Percent'], { description: 'What the number of new agents follows.' }),
    value: Type.Integer({ minimum: 0, maximum: 2000, description: 'Agents of each group, or percent of them; 0 for Weight.' }),
  },
  { description: 'How many agents the new revision has.' },
)
export type Scale = Static<typeof Scale>

/** What a rollout knows; with the world and the spec it says all that is done. Nothing else is kept anywhere. */
export const RolloutState = Type.Object(
  {
    activity: choice(['Idle', 'Stepping', 'Promoting', 'Returning', 'Aborted'], {
      description:
        'Idle: stable is what is wanted; Stepping; Promoting: all agents become new; Returning: tasks go back to stable; Aborted: until the template changes or somebody retries.',
    }),
    stableRevision: Type.Optional(hash('Revision that is fallen back to; none before the first one can serve.')),
    targetRevision: hash('Revision that is rolled out, or was last.'),
    wantedRevision: hash('Revision that is wanted: that of the template, or the one of RollbackTo.'),
    templateRevision: hash('Revision of the template when it was last looked at.'),
    rejectedRevision: Type.Optional(hash('Wanted revision that was given up and is not tried again.')),
    attempt: Type.Integer({ minimum: 0, description: 'Counts the rollouts; part of the names of runs.' }),
    round: Type.Integer({ minimum: 0, description: 'Counts how often its analyses were begun anew; part of the names of runs.' }),
    startedAt: time('When this rollout began.'),
    step: Type.Integer({ minimum: 0, description: 'Steps that are done.' }),
    stepSince: time('When the present step began.'),
    stepsHash: Type.Integer({ minimum: 0, description: 'Names the steps: when they change, they are begun anew.' }),
    weight: Type.Integer({ minimum: 0, maximum: 100, description: 'Percent of new tasks that the new revision is meant to have.' }),
    aim: Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Percent of new tasks for which it is given agents: they come before the weight.',
    }),
    scale: Scale,
    mirror: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'Percent of the tasks of stable that the new revision does a second time.' }),
    ),
    isForced: Type.Boolean({ description: 'Promoted without waiting for analyses.' }),
    isStableShrunk: Type.Boolean({ description: 'The stable side may not be whole: tasks go back to it as it grows.' }),
    hold: Type.Optional(
      Type.Object({ reason, message, since: time('Since when.') }, { description: 'Why it does not go on until a person says so.' }),
    ),
    deadline: Type.Optional(
      Type.Object(
        {
          leftMs: Type.Integer({ minimum: 0, description: 'Milliseconds that were left when the clock last stood.' }),
          since: Type.Optional(time('Since when the clock runs.')),
          ready: Type.Integer({ minimum: 0, description: 'Most new agents that were ready; more are progress.' }),
        },
        { description: 'Clock of the progress deadline.' },
      ),
    ),
    failure: Type.Optional(
      Type.Object(
        { reason, message, at: time('When.'), step: Type.Integer({ minimum: 0, description: 'Step that it had come to.' }) },
        { description: 'Why it goes, or went, back.' },
      ),
    ),
    kept: Type.Array(Kept, { maxItems: MAX_KEPT, description: 'Revisions whose agents are kept for a while.' }),
    recentStable: Type.Array(Type.String({ maxLength: 63 }), {
      maxItems: MAX_RECENT,
      description: 'Revisions that were stable before, the last one first.',
    }),
    history: Type.Array(Ended, { maxItems: MAX_HISTORY, description: 'Rollouts that have ended, the last one first.' }),
    answer: Type.Optional(Answer),
  },
  { description: 'What the rollout knows.' },
)
export type RolloutState = Static<typeof RolloutState>

import type { Metric } from '../../api/analysis.ts'
import { durationMs } from '../../api/duration.ts'
import { measureValue, type Measured } from '../../rollouts/measure.ts'
import { fillIn } from '../../rollouts/placeholders.ts'
import { NO_ATTEMPTS } from '../../rollouts/subject.ts'
import { jsonOf } from '../../sources/answer.ts'
import { SourceError } from '../../sources/source-error.ts'
import type { Sources } from '../../sources/sources.ts'
import { valueAt } from '../../sources/value-at.ts'
import type { Asking } from './followed.ts'
import type { RouterTasks } from './router-tasks.ts'

/** One key of a Secret. */
export type SecretKey = { readonly namespace: string; readonly name: string; readonly key: string }

/** What metrics from outside are measured with. */
export type OutsideDeps = {
  readonly sources: Pick<Sources, 'queryPrometheus' | 'fetchJson' | 'callWebhook'>
  readonly tasks: Pick<RouterTasks, 'send'>
  /** Throws SourceError when there is no such key. */
  readonly readSecret: (ref: SecretKey, signal: AbortSignal) => Promise<string>
}

/**
 * Measures a metric of prometheus, http, webhook or judge. What goes wrong is a measurement too: an Error that says what. Rejects only with
 * the reason of the signal.
 */
export async function measureOutside(metric: Metric, asking: Asking, deps: OutsideDeps, signal: AbortSignal): Promise<Measured> {
  try {
    return await ask(metric, asking, deps, signal)
  } catch (error) {
    if (error instanceof SourceError) return { result: 'Error', message: error.message }
    throw error
  }
}

async function ask(metric: Metric, asking: Asking, deps: OutsideDeps, signal: AbortSignal): Promise<Measured> {
  const { prometheus, http, webhook, judge } = metric
  if (judge) return measureValue(metric, await judgement(judge, asking, deps, signal))
  const source = prometheus ?? http ?? webhook
  if (!source) throw new SourceError('the metric says nothing that could be asked')
  const { namespace } = asking.rollout
  const { tokenSecretRef } = source
  const token = tokenSecretRef && (await deps.readSecret({ namespace, ...tokenSecretRef }, signal))
  const common = { token, timeoutMs: durationMs(source.timeout) }
  if (prometheus) {
    const { address, headers } = prometheus
    const query = fillIn(prometheus.query, asking)
    return measureValue(metric, await deps.sources.queryPrometheus({ ...common, address, headers, query }, signal))
  }
  const url = fillIn(source === http ? http.url : (webhook?.url ?? ''), asking, encodeURIComponent)
  if (http) return measureValue(metric, await deps.sources.fetchJson({ ...common, url, path: http.path, headers: http.headers }, signal))
  const { answer, message } = await deps.sources.callWebhook(
    { ...common, url, body: { metric: metric.name, ...figuresOf(asking) } },
    signal,
  )
  return { result: answer === 'NotYet' ? 'NoData' : answer, message }
}

/** The value that a judge gives. */
async function judgement(
  judge: NonNullable<Metric['judge']>,
  asking: Asking,
  { tasks }: OutsideDeps,
  signal: AbortSignal,
): Promise<unknown> {
  const { namespace } = asking.rollout
  if (judge.swarm === asking.swarm)
    throw new SourceError(`Swarm ${judge.swarm} cannot judge its own rollout; name another one in judge.swarm`)
  const input = { question: fillIn(judge.question, asking), ...figuresOf(asking) }
  const body = { input, ...(judge.capability !== undefined && { capability: judge.capability }) }
  const outcome = await tasks.send({ namespace, swarm: judge.swarm, body, timeoutMs: durationMs(judge.timeout) }, signal)
  if (outcome.state !== 'done') throw new SourceError(`Swarm ${judge.swarm} has not judged: ${outcome.message}`)
  return valueAt(valueAt(jsonOf(outcome.answer), 'output'), judge.path)
}

/** Who asks, and what is known: the body of a webhook, and beside the question the input of a judge. */
function figuresOf({ rollout, swarm, run, target, stable, counts }: Asking) {
  const side = (revision: string) => ({ revision, ...(counts[revision] ?? NO_ATTEMPTS) })
  return { rollout, swarm, run, new: side(target), stable: side(stable) }
}

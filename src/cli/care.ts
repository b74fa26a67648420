import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../api/duration.ts'
import { drain } from './drain.ts'
import { within, type Add, type Common, type Surroundings } from './surroundings.ts'

/** The commands by which a fleet is looked after. */
export function addCare(add: Add, around: Surroundings): void {
  add('drain AGENT', 'replaces an agent: another one takes its place, it gets no new tasks, finishes those that it has, and goes')
    .option('--no-wait', 'does not wait until it is gone')
    .option('--timeout <DURATION>', 'how long that is waited for', durationOf, DRAIN_MS)
    .addHelpText('after', DRAIN_HELP)
    .action(async (name: string, options: Common & { wait: boolean; timeout: number }) =>
      within(options, around, async ({ client, namespace }) =>
        drain(client, { namespace, name }, { by: around.user, timeoutMs: options.wait ? options.timeout : 0, tell: around.write }),
      ),
    )
}

/** Longer than tasks are given to end as a rule. Milliseconds. */
const DRAIN_MS = 15 * 60_000

function durationOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= 24 * 60 * 60_000) return ms
  throw new InvalidArgumentError('It must be a duration such as 90s or 15m, up to 24h.')
}

const DRAIN_HELP = `
How many agents are missing meanwhile is up to spec.update of the swarm: with maxUnavailable 0, the default, the new one is ready before this
one gets no more tasks. It has spec.lifecycle.drainTimeout for the tasks that it has. It needs the right to patch agents.
To take it back before it has begun: kubectl annotate agent NAME swarmops.dev/drain-

Examples:
  kubectl swarm drain desk-7f4k2p
  kubectl swarm drain desk-7f4k2p --no-wait`

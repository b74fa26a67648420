import { InvalidArgumentError, Option } from 'commander'
import { setTimeout as pause } from 'node:timers/promises'
import { parseDuration } from '../api/duration.ts'
import { examine, type DoctorOptions } from './doctor/doctor.ts'
import { findingsText } from './doctor/show.ts'
import { versionsOf, versionsText } from './doctor/version.ts'
import { drain } from './drain.ts'
import { accessTo, withPlaceFlags, withRouters, type RouterFlags } from './forward.ts'
import { NoRouterError } from './port-forward.ts'
import { withTokenFlags } from './router-token.ts'
import { keysOf } from './inside.ts'
import { loadsOf, loadText, ORDERS, sortedBy, type Order } from './load.ts'
import type { RouterAccess } from './router.ts'
import { CLEAR, EXIT, json, lookOf, output, within, type Add, type Common, type Place, type Surroundings } from './surroundings.ts'
import { look } from './top.ts'

/** The commands by which a fleet is looked after. */
export function addCare(add: Add, around: Surroundings, ended: (code: number) => void): void {
  const busy = add('top [SWARM]', 'shows how busy agents are: processor and memory by E2B; tasks, errors and latency by the routers')
  withTokenFlags(withPlaceFlags(busy))
    .addOption(new Option('--sort <FIGURE>', 'the largest first').choices(ORDERS).default('name'))
    .option('-w, --watch', 'shows it again every two seconds')
    .addOption(output())
    .addHelpText('after', TOP_HELP)
    .action(async (swarm: string | undefined, options: TopFlags) =>
      within(options, around, async (place) => ended(await top(swarm, options, place, around))),
    )
  withPlaceFlags(add('doctor', 'looks at all that a fleet needs, and says what to do about what is wrong'))
    .option('-A, --all-namespaces', 'at the swarms and agents of all namespaces')
    .option('--lease-namespace <NAME>', 'namespace of the Lease by which the operator leads (that of its Deployment, or default)')
    .option('--lease-name <NAME>', 'name of that Lease (that of its Deployment, or swarm-operator)')
    .addOption(output())
    .addHelpText('after', DOCTOR_HELP)
    .action(async (options: DoctorOptions) =>
      within(options, around, async (place) => {
        const findings = await examine(options, { keys: await keysOf(place, around), namespace: place.namespace, around })
        await around.write(options.output ? json(findings) : findingsText(findings, lookOf(around).paint))
        if (findings.some(({ level }) => level === 'fail')) ended(EXIT.failed)
      }),
    )
  add('version', 'shows the version of the plugin, of the operator in the cluster, and of the API server')
    .addOption(output())
    .action(async (options: Common) =>
      within(options, around, async ({ client }) => {
        const versions = await versionsOf(client, around.version)
        await around.write(options.output ? json(versions) : versionsText(versions))
      }),
    )
  add('drain AGENT', 'replaces an agent: another one takes its place, it gets no new tasks, finishes those that it has, and goes')
    .option('--no-wait', 'does not wait until it is gone')
    .option('--timeout <DURATION>', 'how long that is waited for', durationOf, DRAIN_MS)
    .addHelpText('after', DRAIN_HELP)
    .action(async (name: string, options: Common & { wait: boolean; timeout: number }) =>
      within(options, around, async ({ client, namespace }) =>
        drain(client, { namespace, name }, { by: around.user(), timeoutMs: options.wait ? options.timeout : 0, tell: around.write }),
      ),
    )
}

/** Time between two looks at the routers, from which rates are reckoned. Milliseconds. */
const SAMPLE_MS = 2_000

type TopFlags = RouterFlags & { readonly sort: Order; readonly watch?: boolean }

async function top(swarm: string | undefined, options: TopFlags, place: Place, around: Surroundings): Promise<number> {
  const { client, namespace } = place
  const told = new Set<string>()
  const problem = (message: string) => {
    if (!told.has(message)) void around.writeError(`${message}\n`)
    told.add(message)
  }
  const keys = await keysOf(place, around)
  const signal = around.interrupted()
  const show = async (routers: readonly RouterAccess[]) => {
    const seeing = { namespace, swarm, keys, routers, now: around.now, problem }
    let before = await look(seeing)
    do {
      await pause(SAMPLE_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      const now = await look(seeing)
      const loads = sortedBy(loadsOf(now.agents, before.seen, now.seen), options.sort)
      before = now
      const text = options.output ? json(loads) : loadText(loads, lookOf(around).paint)
      await around.write(options.watch && around.isTerminal ? CLEAR + text : text)
    } while (options.watch)
  }
  const through = async (urls: readonly string[]) => show(await accessTo(urls, options, around))
  await withRouters({ client, most: Infinity, problem }, options, around, through).catch(async (error: unknown) => {
    if (!(error instanceof NoRouterError)) throw error
    problem(error.message)
    await show([])
  })
  return signal.aborted ? EXIT.interrupted : EXIT.done
}

/** Longer than tasks are given to end as a rule. Milliseconds. */
const DRAIN_MS = 15 * 60_000

function durationOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= 24 * 60 * 60_000) return ms
  throw new InvalidArgumentError('It must be a duration such as 90s or 15m, up to 24h.')
}

const TOP_HELP = `
Rates are those of the two seconds in which it looks. With several routers each of them must be named, for each knows its own tasks only; those
in the cluster are found by themselves. Processor and memory need the key of E2B, see kubectl swarm logs --help.

Examples:
  kubectl swarm top
  kubectl swarm top desk --sort latency --watch`

const DOCTOR_HELP = `
It looks at the API server, the kinds and their version, your rights and those of the operator, whether an operator leads, whether routers take
tasks, the key of E2B, agents that are stuck, and sandboxes without an Agent. What you may not look at is a warning.
Exit code 1 when anything is wrong (fail), 0 when all is well or there are only warnings.

Examples:
  kubectl swarm doctor -A
  kubectl swarm doctor -o json | jq '.[] | select(.level != "ok")'`

const DRAIN_HELP = `
How many agents are missing meanwhile is up to spec.update of the swarm: with maxUnavailable 0, the default, the new one is ready before this
one gets no more tasks. It has spec.lifecycle.drainTimeout for the tasks that it has. It needs the right to patch agents.
To take it back before it has begun: kubectl annotate agent NAME swarmops.dev/drain-

Examples:
  kubectl swarm drain desk-7f4k2p
  kubectl swarm drain desk-7f4k2p --no-wait`

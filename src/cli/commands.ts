import { Command, CommanderError, Option } from 'commander'
import type { Request } from '../api/rollout.ts'
import { OperatorError } from '../errors.ts'
import { askRollout, revisionBefore } from './ask.ts'
import { CliError, InterruptedError, readFleet, readSwarm, readSwarms, type Ref } from './fleet.ts'
import { addCare } from './care.ts'
import { addCompletion } from './complete-names.ts'
import { addHelp } from './help.ts'
import { addInside } from './inside.ts'
import { costText, listText, statusText } from './show.ts'
import { accessTo, knownRouters, withPlaceFlags, withRouters, type RouterFlags } from './forward.ts'
import { withTokenFlags } from './router-token.ts'
import { inputOf, submit } from './submit.ts'
import { CLEAR, EXIT, json, lookOf, output, refOf, within, type Add, type Common, type Surroundings } from './surroundings.ts'
import { follow } from './watch.ts'

/** Runs the plugin; gives its exit code, and never throws for what a person may do wrong. */
export async function runCli(args: readonly string[], around: Surroundings): Promise<number> {
  let code: number = EXIT.done
  const program = programOf(around, (result) => (code = result))
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    if (error instanceof InterruptedError) return EXIT.interrupted
    if (!(error instanceof CliError || error instanceof OperatorError)) throw error
    await around.writeError(`${error.message}\n`)
    return EXIT.failed
  }
}

function programOf(around: Surroundings, ended: (code: number) => void): Command {
  const program = new Command('kubectl swarm')
    .description('Looks after fleets of agents: swarms, their rollouts and what they cost.')
    .exitOverride()
    .configureOutput({ writeOut: around.write, writeErr: around.writeError })
  const add = (usage: string, description: string): Command =>
    program
      .command(usage)
      .description(description)
      .option('-n, --namespace <NAME>', 'namespace (that of the context)')
      .option('--context <NAME>', 'context of the kubeconfig')
      .option('--kubeconfig <FILE>', 'kubeconfig to use')
  addReading(add, around)
  addAsking(add, around)
  addInside(add, around, ended)
  addCare(add, around, ended)
  addCompletion(program, add, around)
  addSubmit(add, around, ended)
  addHelp(program)
  return program
}

function addSubmit(add: Add, around: Surroundings, ended: (code: number) => void): void {
  const sending = add('submit SWARM INPUT', 'sends a task and prints the answer; INPUT is JSON or text, - reads it from standard input')
  withTokenFlags(withPlaceFlags(sending, new Option('--router <URL>', 'address of the router (SWARM_ROUTER_URL)')))
    .option('--capability <NAME>', 'only agents of groups that have it')
    .option('--session-key <KEY>', 'tasks with the same key go to the same agent')
    .option('--timeout <DURATION>', 'such as 30s')
    .option('--revision <HASH>', 'only agents of this revision')
    .action(async (name: string, input: string, options: SubmitFlags) => {
      const { capability, sessionKey, timeout, revision } = options
      const text = input === '-' ? await around.readInput() : input
      const task = { input: inputOf(text), capability, sessionKey, timeout, revision }
      const send = async (ref: Ref, urls: readonly string[]) => {
        const [router] = await accessTo(urls.slice(0, 1), options, around)
        return submit(ref, task, router)
      }
      const known = knownRouters(options, around)
      const problem = (message: string) => void around.writeError(`${message}\n`)
      const answer =
        known.length > 0
          ? await send(await refOf(name, options, around), known)
          : await within(options, around, async ({ client, namespace }) =>
              withRouters({ client, most: 1, problem }, options, around, async (urls) => send({ namespace, name }, urls)),
            )
      await (answer.done ? around.write : around.writeError)(`${answer.text}\n`)
      if (!answer.done) ended(EXIT.failed)
    })
}

type SubmitFlags = RouterFlags & Record<'capability' | 'sessionKey' | 'timeout' | 'revision', string | undefined>

function addReading(add: Add, around: Surroundings): void {
  add('list', 'lists swarms')
    .alias('ls')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(output())
    .action(async (options: Common & { allNamespaces?: boolean }) =>
      within(options, around, async ({ client, namespace }) => {
        const swarms = await readSwarms(client, options.allNamespaces ? undefined : namespace)
        if (options.output) return await around.write(json(swarms))
        if (swarms.length === 0)
          await around.writeError(`there is no swarm in ${options.allNamespaces ? 'any namespace' : `namespace ${namespace}`}\n`)
        else await around.write(listText(swarms, lookOf(around), options.allNamespaces ?? false))
      }),
    )
  add('status SWARM', 'shows a swarm as a tree: rollout, revisions, agents, warm pool, policies')
    .option('-w, --watch', 'shows it again at every change')
    .addOption(output())
    .action(async (name: string, options: Common & { watch?: boolean }) =>
      within(options, around, async ({ client, namespace }) => {
        const show = async () => {
          const fleet = await readFleet(client, { namespace, name })
          const clear = options.watch && around.isTerminal ? CLEAR : ''
          await around.write(options.output ? json(fleet) : clear + statusText(fleet, lookOf(around)))
        }
        if (options.watch) await follow(client, namespace, show)
        else await show()
      }),
    )
  add('cost [SWARM]', 'shows what swarms cost an hour and have cost, by group')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(output())
    .action(async (name: string | undefined, options: Common & { allNamespaces?: boolean }) =>
      within(options, around, async ({ client, namespace }) => {
        const all = async () => readSwarms(client, options.allNamespaces ? undefined : namespace)
        const swarms = name === undefined ? await all() : [await readSwarm(client, { namespace, name })]
        const costs = swarms.map(({ metadata, status }) => ({ namespace: metadata.namespace, swarm: metadata.name, cost: status?.cost }))
        await around.write(options.output ? json(costs) : costText(swarms, lookOf(around)))
      }),
    )
}

function addAsking(add: Add, around: Surroundings): void {
  const ask = (options: Common, name: string, action: Request['action'], revision?: string) =>
    within(options, around, async ({ client, namespace }) => {
      const asked = { action, by: around.user(), ...(revision !== undefined && { revision }) }
      await around.write(`${await askRollout(client, { namespace, name }, asked)}\n`)
    })
  const plainly = (command: string, description: string, action: Request['action']) =>
    add(`${command} SWARM`, description)
      .option('--revision <HASH>', 'the new revision that is meant; with another one under way it is refused')
      .action(async (name: string, options: Common & { revision?: string }) => ask(options, name, action, options.revision))
  plainly('pause', 'stops its rollout where it is', 'Pause')
  plainly('resume', 'lets its rollout go on', 'Resume')
  plainly('skip', 'leaves out the step that its rollout is in', 'SkipStep')
  plainly('abort', 'gives the new revision up: all tasks go back to the stable one', 'Abort')
  plainly('retry', 'tries the revision again that was given up', 'Retry')
  add('promote SWARM', 'ends the pause that its rollout waits in')
    .option('--full', 'leaves out all remaining steps')
    .option('--revision <HASH>', 'the new revision that is meant; with another one under way it is refused')
    .action(async (name: string, options: Common & { full?: boolean; revision?: string }) =>
      ask(options, name, options.full ? 'PromoteFully' : 'Promote', options.revision),
    )
  add('undo SWARM', 'rolls out an earlier revision, until the template changes')
    .option('--to <HASH>', 'that revision (the one that was stable before)')
    .action(async (name: string, options: Common & { to?: string }) => {
      const before = async () => within(options, around, async ({ client, namespace }) => revisionBefore(client, { namespace, name }))
      await ask(options, name, 'RollbackTo', options.to ?? (await before()))
    })
}

import { InvalidArgumentError, Option } from 'commander'
import { execCommand } from '../e2b/start-script.ts'
import { enter, type Keys } from './access.ts'
import { cleaned } from './clean.ts'
import { CliError, readAgent, type Ref } from './fleet.ts'
import { lastOutput } from './last-output.ts'
import { showLogs } from './logs.ts'
import { EXIT, within, type Add, type Common, type Place, type Surroundings } from './surroundings.ts'

/** The commands that look into the sandboxes of agents. */
export function addInside(add: Add, around: Surroundings, ended: (code: number) => void): void {
  add('logs NAME', 'shows what an agent, or every agent of a swarm, has written to its output')
    .option('-f, --follow', 'goes on with what comes, agents of a swarm that come later included')
    .option('--tail <LINES>', 'only the last lines of each (all of an agent, 10 of each agent of a swarm)', linesOf)
    .option('--prefix', 'puts the name of the agent before each line (default for a swarm)')
    .option('--no-prefix', 'does not')
    .option('--raw', 'on a terminal: passes on what steers it, such as movements of its cursor, which is left out otherwise')
    .addOption(
      new Option('--previous', 'the last output of agents that are lost, from their Events').conflicts(['follow', 'tail', 'prefix']),
    )
    .addHelpText('after', LOGS_HELP)
    .action(async (name: string, options: LogsFlags) =>
      within(options, around, async (place) => {
        const ref = { namespace: place.namespace, name }
        const isClean = around.isTerminal && !options.raw
        if (options.previous) {
          const last = await lastOutput(place.client, ref)
          return around.write(isClean ? cleaned(last) : last)
        }
        const signal = around.interrupted()
        const { tail, follow = false, prefix } = options
        const out = { isClean, write: around.write, writeError: around.writeError, signal }
        await showLogs(ref, { tail, follow, prefix }, await keysOf(place, around), out)
        if (signal.aborted) ended(EXIT.interrupted)
      }),
    )
  add('exec AGENT COMMAND...', 'runs a command in the sandbox of an agent, beside it, and ends with its exit code')
    .usage('[options] AGENT -- COMMAND...')
    .showHelpAfterError('Write -- before a command: kubectl swarm exec AGENT -- ls -l')
    .option('-i, --stdin', 'passes standard input on')
    .option('-t, --tty', 'gives the command a terminal; with -i')
    .addHelpText('after', EXEC_HELP)
    .action(async (name: string, words: string[], options: Common & { stdin?: boolean; tty?: boolean }) =>
      within(options, around, async (place) => {
        const ref = { namespace: place.namespace, name }
        ended(
          await exec(
            ref,
            { words, hasInput: options.stdin ?? false, isTerminal: options.tty ?? false },
            await keysOf(place, around),
            around,
          ),
        )
      }),
    )
}

type LogsFlags = Common & { follow?: boolean; tail?: number; prefix?: boolean; raw?: boolean; previous?: boolean }

type Exec = { readonly words: readonly string[]; readonly hasInput: boolean; readonly isTerminal: boolean }

async function exec(ref: Ref, { words, hasInput, isTerminal }: Exec, keys: Keys, around: Surroundings): Promise<number> {
  const { terminal, input, write, writeError } = around
  if (isTerminal && !hasInput) throw new CliError('a terminal needs input as well; write -it')
  if (isTerminal && !terminal) throw new CliError('input does not come from a terminal; leave -t out')
  const { provider, session } = await enter(await readAgent(keys.client, ref), keys)
  const signal = around.interrupted()
  const command = execCommand(words)
  try {
    if (!isTerminal || !terminal) {
      return await provider.runBeside(session, { command, ...(hasInput && { input }), stdout: write, stderr: writeError, signal })
    }
    terminal.setRaw(true)
    return await provider.runBeside(session, { command, size: terminal.size(), onSize: terminal.onSize, input, output: write, signal })
  } finally {
    terminal?.setRaw(false)
    if (hasInput) input.destroy() // what is not read any more would keep the process alive
  }
}

/** What it takes to get at sandboxes, as the environment gives it. */
export async function keysOf({ client }: Pick<Place, 'client'>, { env, providers }: Surroundings): Promise<Keys> {
  return { client, ownKey: env['E2B_API_KEY'] || undefined, providerOf: await providers() }
}

function linesOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a number of lines such as 20.')
}

const KEY_HELP = `
The key of E2B is taken from E2B_API_KEY, else from the Secret that the swarm names in spec.credentialsSecretRef, if you may read it.
E2B_API_URL, E2B_SANDBOX_URL and E2B_DOMAIN are for an E2B that is elsewhere.`

const LOGS_HELP = `
Examples:
  kubectl swarm logs desk-7f4k2p               # all that is kept of one agent: the last 4 to 8 MiB
  kubectl swarm logs desk-7f4k2p -f --tail 20
  kubectl swarm logs desk -f                   # every agent of swarm desk, also those that come
  kubectl swarm logs desk --previous           # the last lines of those that are lost

A log goes with its sandbox. With spec.lifecycle.lastOutput: Event the last lines of a command that has ended stay in its Event.
${KEY_HELP}`

const EXEC_HELP = `
Examples:
  kubectl swarm exec desk-7f4k2p -- ls -l
  kubectl swarm exec -it desk-7f4k2p -- bash
  kubectl swarm exec -i desk-7f4k2p -- sh -c 'cat >notes.txt' <notes.txt

Output is text; send anything else through base64.
${KEY_HELP}`

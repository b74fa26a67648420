import { Argument, type Command } from 'commander'
import type { KubeClient } from '../kube/client.ts'
import { NAMESPACES, type KubeObject } from '../kube/objects.ts'
import { completionOf, scriptFor, SHELLS, starting, type Names, type Shell } from './complete.ts'
import { readAgents, readSwarms } from './fleet.ts'
import { within, type Add, type Surroundings } from './surroundings.ts'

/** Nobody waits longer for a word. Milliseconds. */
const WAIT_MS = 3_000

/** Tells the shell to offer no files beside the words, as kubectl understands it. */
const NO_FILES = ':4'

/** Adds the command that prints scripts for shells, and the hidden one that they, and kubectl, ask for words. */
export function addCompletion(program: Command, add: Add, around: Surroundings): void {
  add('completion', 'prints a script that completes the words of kubectl-swarm in a shell')
    .addArgument(new Argument('<SHELL>', 'the shell').choices(SHELLS))
    .addHelpText('after', COMPLETION_HELP)
    .action(async (shell: Shell) => around.write(scriptFor(shell)))
  program
    .command('__complete [WORDS...]', { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .action(async (_words: string[], _options: object, command: Command) => {
      const words = await wordsFor(program, command.args, around)
      await around.write([...words, NO_FILES].map((word) => `${word}\n`).join(''))
    })
}

async function wordsFor(program: Command, words: readonly string[], around: Surroundings): Promise<readonly string[]> {
  const completion = completionOf(program, words)
  const start = words.at(-1) ?? ''
  if ('words' in completion) return starting(completion.words, start)
  const { names, flags } = completion
  try {
    return starting(await namesFor(names, flags, around), start)
  } catch {
    return [] // a word that cannot be completed is no error
  }
}

async function namesFor(names: Names, flags: Readonly<Record<string, string>>, around: Surroundings): Promise<readonly string[]> {
  if (names === 'contexts') return around.contexts(flags)
  return within(flags, around, async ({ client, namespace }) => {
    const late = Promise.withResolvers<readonly string[]>()
    const timer = setTimeout(() => late.resolve([]), WAIT_MS)
    try {
      return await Promise.race([read(names, client, namespace), late.promise])
    } finally {
      clearTimeout(timer)
    }
  })
}

async function read(names: Exclude<Names, 'contexts'>, client: KubeClient, namespace: string): Promise<readonly string[]> {
  if (names === 'namespaces') return namesOf((await client.list(NAMESPACES)).items)
  const swarms = async () => namesOf(await readSwarms(client, namespace))
  const agents = async () => namesOf(await readAgents(client, namespace))
  if (names === 'swarms') return swarms()
  if (names === 'agents') return agents()
  return (await Promise.all([swarms(), agents()])).flat()
}

const namesOf = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name)

const COMPLETION_HELP = `
For kubectl swarm itself the completion of kubectl does it, once it finds this plugin under a second name:
  ln -s "$(command -v kubectl-swarm)" ~/.local/bin/kubectl_complete-swarm

Examples:
  source <(kubectl-swarm completion bash)
  kubectl-swarm completion zsh >"\${fpath[1]}/_kubectl-swarm"
  kubectl-swarm completion fish >~/.config/fish/completions/kubectl-swarm.fish`

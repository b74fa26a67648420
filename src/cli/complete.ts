import type { Command, Option } from 'commander'

/** What names can be completed from a cluster. */
export type Names = 'swarms' | 'agents' | 'agents and swarms' | 'namespaces' | 'contexts'

/** Words to choose from, or names that are to be asked for; `flags` are those of the line that say where. */
export type Completion = { readonly words: readonly string[] } | { readonly names: Names; readonly flags: Readonly<Record<string, string>> }

const NOTHING: Completion = { words: [] }

/** Arguments of commands by the name that they have in their usage, and what is put in. */
const ARGUMENTS: Readonly<Record<string, Names>> = { SWARM: 'swarms', AGENT: 'agents', NAME: 'agents and swarms' }

/** Flags with names as values. */
const VALUES: Readonly<Record<string, Names>> = { '--namespace': 'namespaces', '--context': 'contexts', '--router-namespace': 'namespaces' }

/** What the last word of a line can become, of which the others are whole. */
export function completionOf(program: Command, words: readonly string[]): Completion {
  const last = words.at(-1) ?? ''
  const line = read(program, words.slice(0, -1))
  if (line.isOver) return NOTHING
  const { command, pending, flags } = line
  if (pending) return valuesOf(pending, flags)
  if (!command)
    return {
      words: starting(
        program.commands.map((each) => each.name()).filter((name) => !name.startsWith('__')),
        last,
      ),
    }
  if (last.startsWith('-')) return { words: starting(flagsOf(command), last) }
  const argument = command.registeredArguments[Math.min(line.operands, command.registeredArguments.length - 1)]
  if (!argument || (line.operands >= command.registeredArguments.length && !argument.variadic)) return NOTHING
  if (argument.argChoices) return { words: starting(argument.argChoices, last) }
  const names = ARGUMENTS[argument.name()]
  return names ? { names, flags } : NOTHING
}

/** A line as far as it is written: its command, how many operands that has, the flag that waits for its value. */
type Line = {
  readonly command: Command | undefined
  readonly operands: number
  readonly pending: Option | undefined
  readonly flags: Record<string, string>
  readonly isOver: boolean
}

function read(program: Command, words: readonly string[]): Line {
  let command: Command | undefined
  let operands = 0
  let pending: Option | undefined
  const flags: Record<string, string> = {}
  for (const word of words) {
    if (pending) {
      flags[pending.attributeName()] = word
      pending = undefined
    } else if (word === '--') return { command, operands, pending, flags, isOver: true }
    else if (word.startsWith('-')) pending = take(optionsOf(command, program), word, flags)
    else if (command) operands += 1
    else {
      command = program.commands.find((each) => each.name() === word || each.aliases().includes(word))
      if (!command) return { command, operands, pending, flags, isOver: true }
    }
  }
  return { command, operands, pending, flags, isOver: false }
}

/** Before a command is known the flags are those that all have. */
const optionsOf = (command: Command | undefined, program: Command): readonly Option[] => (command ?? program.commands[0])?.options ?? []

/** Notes a flag with its value; gives it back when that is still to come. */
function take(options: readonly Option[], word: string, flags: Record<string, string>): Option | undefined {
  const at = word.indexOf('=')
  const name = at < 0 ? word : word.slice(0, at)
  const option = options.find(({ long, short }) => long === name || short === name)
  if (!option?.required) return undefined
  if (at < 0) return option
  flags[option.attributeName()] = word.slice(at + 1)
  return undefined
}

function valuesOf(option: Option, flags: Record<string, string>): Completion {
  if (option.argChoices) return { words: option.argChoices }
  const names = VALUES[option.long ?? '']
  return names ? { names, flags } : NOTHING
}

const flagsOf = (command: Command): string[] => command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))

/** The words that begin in this way. */
export const starting = (words: readonly string[], start: string): string[] => words.filter((word) => word.startsWith(start)).toSorted()

/** Shells for which there is a script. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const SCRIPT: Readonly<Record<Shell, string>> = {
  bash: `_kubectl_swarm() {
  local IFS=$'\\n'
  COMPREPLY=($(kubectl-swarm __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:'))
}
complete -F _kubectl_swarm kubectl-swarm
`,
  zsh: `#compdef kubectl-swarm
_kubectl_swarm() {
  local -a found
  found=(\${(f)"$(kubectl-swarm __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:')"})
  compadd -a found
}
compdef _kubectl_swarm kubectl-swarm
`,
  fish: `function __kubectl_swarm
  set -l words (commandline -opc) (commandline -ct)
  kubectl-swarm __complete -- $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-swarm -f -a '(__kubectl_swarm)'
`,
}

/** A script for a shell that completes `kubectl-swarm`. */
export const scriptFor = (shell: Shell): string => SCRIPT[shell]

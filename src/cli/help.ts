import type { Command } from 'commander'

/** Lines that people can run, by command; commands with more to say have them in a text of their own. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  list: ['kubectl swarm list -A', "kubectl swarm list -o json | jq '.[].status.readyReplicas'"],
  status: ['kubectl swarm status desk', 'kubectl swarm status desk --watch'],
  cost: ['kubectl swarm cost -A', 'kubectl swarm cost desk -o json'],
  pause: ['kubectl swarm pause desk'],
  resume: ['kubectl swarm resume desk'],
  skip: ['kubectl swarm skip desk'],
  abort: ['kubectl swarm abort desk', 'kubectl swarm abort desk --revision 465564381d'],
  retry: ['kubectl swarm retry desk'],
  promote: ['kubectl swarm promote desk', 'kubectl swarm promote desk --full'],
  undo: ['kubectl swarm undo desk', 'kubectl swarm undo desk --to 465564381d'],
  submit: [
    `kubectl swarm submit desk '{"symbol":"ACME"}'`,
    'kubectl swarm submit desk - --timeout 2m <question.txt',
    'kubectl swarm submit desk hello --router http://127.0.0.1:18000',
  ],
  version: ['kubectl swarm version'],
}

const EXIT_CODES = `
Exit codes: 0 done; 1 not done, as the message says, or doctor has found something wrong; 2 not understood; 130 ended by a person; exec ends
with the code of its command. Colours only on a terminal, and not with NO_COLOR.`

/** Adds examples to the help of commands, and to that of the plugin what its exit codes mean. */
export function addHelp(program: Command): void {
  program.addHelpText('after', EXIT_CODES)
  for (const command of program.commands) {
    const lines = EXAMPLES[command.name()]
    if (lines) command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)
  }
}

import type { LossReason } from './plan.ts'

/** Why an agent is given up, in words for people. */
export const LOSS_TEXT: Readonly<Record<LossReason, string>> = {
  SandboxGone: 'its sandbox has ended at the provider',
  CommandExited: 'its command has ended',
  NotResponding: 'it has not answered for spec.template.readiness.replaceAfter',
}

/** How a command has ended, with what its exit code usually means. */
export function exitMessage(code: number | undefined): string {
  const hint = code === undefined ? undefined : EXIT_HINT[code]
  return `its command ended with exit code ${code ?? 'unknown'}${hint ? `: ${hint}` : ''}; an agent runs until it is ended`
}

const EXIT_HINT: Readonly<Record<number, string>> = {
  0: 'it had nothing more to do',
  126: 'the program is not executable',
  127: 'the program was not found in the sandbox',
  137: 'it was killed, often for want of memory',
}

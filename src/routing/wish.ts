import type { Slot } from './slot.ts'

/** What a task asks for. `tried` are agents that failed it: others are preferred; `agent` names the only one that may have it. */
export type Wish = {
  readonly part?: string | undefined
  readonly agent?: string | undefined
  readonly capability?: string | undefined
  readonly sessionKey?: string | undefined
  readonly revision?: string | undefined
  readonly tried: readonly Slot[]
}

/** Several agents at once: `size` of them, or, when fewer are up, those, if they are at least `least`. */
export type PanelSize = { readonly size: number; readonly least: number }

/** Why no agent was chosen. After the first two the task may wait. */
export type Refusal = 'Busy' | 'NoAgentReady' | 'NoAgentWithCapability' | 'RevisionNotFound'

/** Why an agent is out until it shows that it is there: it gave no sign of life for too long, or its connection or sandbox was lost. */
export type Absence = 'Silent' | 'Lost'

/** How a task on an agent ended, as far as the agent's health is concerned. */
export type Ending = 'Answered' | 'Failed' | 'Abandoned' | Absence

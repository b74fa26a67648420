import { hourlyMicros, rateOfMicros, type Rate } from './cost.ts'
import { formatDollars } from './money.ts'

/** What asks for sandboxes, the most urgent first: what replaces lost agents comes before anything that grows. */
export const PURPOSES = ['Replacement', 'Scale', 'Surge', 'Green', 'WarmPool'] as const
export type Purpose = (typeof PURPOSES)[number]

/** A sandbox that somebody wants to create. */
export type Request = { readonly id: string; readonly purpose: Purpose; readonly rate: Rate }

/** One cap and what is used of it. What is reserved and not yet created is used, paused sandboxes are not. */
export type Budget = {
  /** Whose it is, for messages: `Swarm desk`, `namespace trading`. */
  readonly of: string
  readonly maxAgents?: number | undefined
  /** Micro-dollars. */
  readonly maxHourlyCost?: bigint | undefined
  readonly agents: number
  readonly rate: Rate
}

/** What was refused: by whose cap, which, and in words what to do. */
export type Refusal = { readonly request: Request; readonly by: 'maxAgents' | 'maxHourlyCost'; readonly message: string }

/** What may be created, most urgent first, and what may not. */
export type Reservation = { readonly granted: readonly Request[]; readonly refused: readonly Refusal[] }

/**
 * Grants as many requests as every budget allows. It is asked before a sandbox is created, with the budgets as they are; who is granted
 * something stores that (the Agent object) before the next one asks, so that none is granted twice.
 *
 * Within a purpose, requests come in the order given, and a cheaper one may pass where a dearer one does not. Once a purpose has been
 * refused something, less urgent ones get nothing: they would take what the more urgent one waits for.
 */
export function reserve(requests: readonly Request[], budgets: readonly Budget[]): Reservation {
  const used = budgets.map((budget) => ({ budget, agents: budget.agents, rate: budget.rate }))
  const granted: Request[] = []
  const refused: Refusal[] = []
  for (const purpose of PURPOSES) {
    const first = refused[0]
    for (const request of requests.filter((r) => r.purpose === purpose)) {
      const refusal = first && first.request.purpose !== purpose ? { ...first, request } : refusalOf(request, used)
      if (refusal) {
        refused.push(refusal)
        continue
      }
      granted.push(request)
      for (const use of used) {
        use.agents += 1
        use.rate += request.rate
      }
    }
  }
  return { granted, refused }
}

type Use = { readonly budget: Budget; readonly agents: number; readonly rate: Rate }

function refusalOf(request: Request, used: readonly Use[]): Refusal | undefined {
  for (const { budget, agents, rate } of used) {
    const { of, maxAgents, maxHourlyCost } = budget
    if (maxAgents !== undefined && agents + 1 > maxAgents) {
      const message = `${of} may have ${maxAgents} agents and has ${agents}; raise budget.maxAgents or ask for fewer agents`
      return { request, by: 'maxAgents', message }
    }
    if (maxHourlyCost !== undefined && hourlyMicros(rate + request.rate) > maxHourlyCost) {
      const [cap, now, more] = [maxHourlyCost, hourlyMicros(rate), hourlyMicros(request.rate)].map(formatDollars)
      const message = `${of} may cost ${cap} dollars an hour, costs ${now}, and one more agent costs ${more}; raise budget.maxHourlyCost or ask for fewer agents`
      return { request, by: 'maxHourlyCost', message }
    }
  }
  return undefined
}

/** The agents that a budget has room for in all, those that there are included, and which of its caps says so. */
export type Room = { readonly agents: number; readonly by: 'maxAgents' | 'maxHourlyCost' }

/**
 * How many agents a budget has room for, when each more costs as much as the dearest; undefined without a cap. Fewer than there are when they
 * cost more than they may.
 */
export function roomOf(
  budget: Pick<Budget, 'maxAgents' | 'maxHourlyCost'>,
  used: { agents: number; rate: Rate },
  dearest: Rate,
): Room | undefined {
  const { maxAgents, maxHourlyCost } = budget
  const affordable = maxHourlyCost === undefined ? Infinity : used.agents + affordableMore(maxHourlyCost, used.rate, dearest)
  if (maxAgents === undefined && affordable === Infinity) return undefined
  return affordable < (maxAgents ?? Infinity)
    ? { agents: Math.max(0, affordable), by: 'maxHourlyCost' }
    : { agents: maxAgents ?? 0, by: 'maxAgents' }
}

/** Below zero when some must go. */
function affordableMore(maxHourlyCost: bigint, rate: Rate, each: Rate): number {
  const left = rateOfMicros(maxHourlyCost) - rate
  if (each <= 0n) return left >= 0n ? Infinity : 0
  const whole = left >= 0n ? left / each : -((-left + each - 1n) / each)
  return Number(whole)
}

/** When an agent that fails gets no tasks for a while. */
export type BreakerRules = { readonly consecutiveFailures: number; readonly openForMs: number }

/**
 * The circuit of one agent.
 * Closed: takes tasks; opens after `consecutiveFailures` in a row. Open: takes none for `openForMs`.
 * Half-open (the time is up): takes one real task; its success closes the circuit, its failure opens it again.
 */
export class Breaker {
  #failures = 0
  #openUntilMs = 0
  #isOpen = false
  #onTrial = false

  /** True also while a task is on trial. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** When the next trial may begin; 0 while the circuit is closed. */
  get openUntilMs(): number {
    return this.#isOpen ? this.#openUntilMs : 0
  }

  /** Whether a task may go to the agent now: one for the trial, once an open circuit has had its time. */
  allows(nowMs: number): boolean {
    return !this.#isOpen || (!this.#onTrial && nowMs >= this.#openUntilMs)
  }

  /** A task goes to the agent. */
  begin(): void {
    if (this.#isOpen) this.#onTrial = true
  }

  /** The agent answered a task: the circuit is closed, and its failures are forgotten. */
  succeeded(): void {
    this.#failures = 0
    this.#isOpen = false
    this.#onTrial = false
  }

  /** Returns true when this failure opened the circuit, for the first time or again. */
  failed(rules: BreakerRules, nowMs: number): boolean {
    this.#failures += 1
    const wasOnTrial = this.#onTrial
    this.#onTrial = false
    if (this.#isOpen ? !wasOnTrial : this.#failures < rules.consecutiveFailures) return false
    this.#isOpen = true
    this.#openUntilMs = nowMs + rules.openForMs
    return true
  }

  /** A task ended without saying anything about the agent: cancelled, or refused without blame. */
  abandoned(): void {
    this.#onTrial = false
  }
}

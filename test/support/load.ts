/** How one task ended, as its client saw it. `endedMs` is on the clock of `performance.now()`. */
export type Asked = { status: number; body: Record<string, unknown>; ms: number; endedMs: number }

/** Tasks that go on, some at a time, until they are stopped. */
export type Load = { readonly answers: readonly Asked[]; stop(): Promise<readonly Asked[]> }

/** Sends one task after the other from each of `clients`; each waits for its answer. */
export function keepAsking(ask: () => Promise<Pick<Asked, 'status' | 'body'>>, clients: number): Load {
  const answers: Asked[] = []
  let isOver = false
  const client = async () => {
    while (!isOver) {
      const from = performance.now()
      const { status, body } = await ask()
      const endedMs = performance.now()
      answers.push({ status, body, ms: endedMs - from, endedMs })
    }
  }
  const all = Promise.all(Array.from({ length: clients }, client))
  return {
    answers,
    stop: async () => {
      isOver = true
      await all
      return answers
    },
  }
}

import { createServer } from 'node:net'

// Below the range from which systems take the ports of outgoing connections, else one of those could be in the way.
const FIRST = 15_000
const LAST = 31_999

/** Gives out local ports that nobody listens on. */
export class LocalPorts {
  readonly #taken = new Set<number>()
  #next: number

  constructor(random: () => number = Math.random) {
    this.#next = FIRST + Math.floor(random() * (LAST - FIRST))
  }

  /** A port that is free now and that no other sandbox of this server has. */
  async take(): Promise<number> {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const port = this.#next
      this.#next = port === LAST ? FIRST : port + 1
      if (this.#taken.has(port)) continue
      this.#taken.add(port)
      if (await isFree(port)) return port
      this.#taken.delete(port)
    }
    throw new Error(`no free local port between ${FIRST} and ${LAST}`)
  }

  /** Gives a port back. */
  release(port: number): void {
    this.#taken.delete(port)
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

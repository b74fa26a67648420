import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the range from which Linux and macOS take the ports of outgoing connections, which would race with ours.
const LOWEST = 20_000
const HIGHEST = 32_000

/** Whether nobody listens on that port of the loopback address. */
export async function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Distinct ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isPortFree(port)) ports.add(port)
  }
  return [...ports]
}

/** Who listens on a port, as far as the tools of the machine tell: `node (pid 123)`. */
export function holderOf(port: number): string {
  const lsof = output('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'])
  const pid = /^p(\d+)$/m.exec(lsof)?.[1]
  if (pid !== undefined) return `${/^c(.+)$/m.exec(lsof)?.[1] ?? 'a process'} (pid ${pid})`
  const ss = /users:\(\("([^"]+)",pid=(\d+)/.exec(output('ss', ['-Hltnp', `sport = :${port}`]))
  return ss ? `${ss[1]} (pid ${ss[2]})` : 'another process'
}

function output(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

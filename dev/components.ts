import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from './cluster/daemon.ts'
import { isHealthy, waitHealthy } from './cluster/health.ts'
import { holderOf, isPortFree } from './cluster/ports.ts'
import { DEV_DIR, environmentOf, PORTS, ROOT, type Secrets } from './env.ts'

const HEALTHY_MS = 30_000
/** Long enough for a router to finish its tasks and for e2b-local to end its sandboxes. */
const GRACE_MS = 40_000
const LOG_LINES = 30

/** One of our programs in the background. */
export interface Component {
  readonly name: string
  readonly port: number
  readonly healthPath: string
  readonly args: readonly string[]
  /** Added to the environment of whoever starts it. */
  readonly env: Readonly<Record<string, string>>
}

/** Our programs in the order in which they start; they end in another, see COMPONENTS_TO_END. */
export function componentsOf(kubeconfig: string, secrets: Secrets): readonly Component[] {
  const { KUBECONFIG = '', E2B_API_URL = '', E2B_SANDBOX_URL = '', E2B_API_KEY = '' } = environmentOf(kubeconfig, secrets)
  const internal = { KUBECONFIG, E2B_SANDBOX_URL, SWARM_INTERNAL_TOKEN: secrets.internalToken }
  return [
    {
      name: 'e2b-local',
      port: PORTS.e2b,
      healthPath: '/health',
      args: ['dev/e2b-local/main.ts', '--port', String(PORTS.e2b), '--data-dir', join(DEV_DIR, 'e2b')],
      env: { E2B_LOCAL_API_KEY: secrets.apiKey },
    },
    {
      name: 'operator',
      port: PORTS.operatorMetrics,
      healthPath: '/readyz',
      args: ['operator/operator.ts', '--metrics-auth', 'none', '--metrics-port', String(PORTS.operatorMetrics)].concat([
        '--router-urls',
        `http://127.0.0.1:${PORTS.router}`,
        '--create-rate',
        '0',
      ]),
      env: { ...internal, E2B_API_URL, E2B_API_KEY },
    },
    {
      name: 'router',
      port: PORTS.router,
      healthPath: '/readyz',
      args: ['operator/router.ts', '--auth', 'none', '--port', String(PORTS.router)],
      env: internal,
    },
  ]
}

/** First whoever creates sandboxes, then whoever sends them tasks, then e2b-local, which ends the sandboxes that are left. */
export const COMPONENTS_TO_END = ['operator', 'router', 'e2b-local'] as const

/** The background process of a component. */
export function daemonOf(name: string): Daemon {
  return new Daemon(name, DEV_DIR)
}

/** Starts a component unless it runs, and waits until it is healthy. Returns what it found or did, for the report. */
export async function ensureRunning(component: Component): Promise<string> {
  const daemon = daemonOf(component.name)
  const health = { url: `http://127.0.0.1:${component.port}${component.healthPath}` }
  const wasRunning = daemon.pid !== undefined
  if (wasRunning && (await isHealthy(health))) return `already up (pid ${daemon.pid})`
  if (!wasRunning) {
    mkdirSync(DEV_DIR, { recursive: true, mode: 0o700 })
    const args = component.args.map((arg, i) => (i === 0 ? join(ROOT, arg) : arg))
    await daemon.start({ command: process.execPath, args, env: component.env })
  }
  try {
    await waitHealthy(health, HEALTHY_MS, () => daemon.pid !== undefined)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const log = `last lines of ${daemon.logFile}:\n${daemon.logTail(LOG_LINES)}`
    throw new Error(`${component.name} ${wasRunning ? 'runs, but is not healthy' : 'did not come up'}: ${why}; ${log}`, { cause })
  }
  return wasRunning ? `up again (pid ${daemon.pid})` : `started (pid ${daemon.pid})`
}

/** Ends a component if `make up` started it and it still runs. */
export async function end(name: string): Promise<boolean> {
  return daemonOf(name).stop(GRACE_MS)
}

/** Says who holds a port that is needed. Whoever it is, it is left alone. */
export async function refuseTakenPort(name: string, port: number): Promise<void> {
  if (await isPortFree(port)) return
  throw new Error(
    `port ${port} of ${name} is held by ${holderOf(port)}, which was not started by this checkout's \`make up\`; end it and try again`,
  )
}

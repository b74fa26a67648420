import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The checkout. */
export const ROOT = join(import.meta.dirname, '..')
/** State, logs and pid files of the local system; `make clean` removes it. SWARM_DEV_DIR puts it elsewhere. */
export const DEV_DIR = process.env['SWARM_DEV_DIR'] || join(ROOT, '.dev')
/** State of the local control plane. */
export const CLUSTER_DIR = join(DEV_DIR, 'cluster')
/** Held while the local system is started or ended. */
export const LOCK_FILE = join(DEV_DIR, 'lock')
/** What a shell sources to talk to the local system. */
export const ENV_FILE = join(DEV_DIR, 'env')

const PORT_OFFSET = portOffset(process.env['SWARM_PORT_OFFSET'] ?? '')

/** Unprivileged loopback ports of the local system, outside the range of outgoing connections. SWARM_PORT_OFFSET moves them all. */
export const PORTS = {
  e2b: 13000 + PORT_OFFSET,
  router: 14000 + PORT_OFFSET,
  operatorMetrics: 14080 + PORT_OFFSET,
  apiServer: 12443 + PORT_OFFSET,
  etcd: 12379 + PORT_OFFSET,
  etcdPeer: 12380 + PORT_OFFSET,
} as const

/** So that two checkouts run side by side; ports stay below those that e2b-local gives its sandboxes. */
function portOffset(text: string): number {
  if (/^\d{1,3}$/.test(text) || text === '') return Number(text)
  throw new Error(`SWARM_PORT_OFFSET must be a number from 0 to 999, not ${JSON.stringify(text)}`)
}

/** Credentials of the local system: drawn once, readable by their owner only. */
export interface Secrets {
  readonly apiKey: string
  readonly internalToken: string
}

/** Reads the credentials, or draws them the first time. */
export function readSecrets(): Secrets {
  mkdirSync(DEV_DIR, { recursive: true, mode: 0o700 })
  return {
    apiKey: secret(join(DEV_DIR, 'e2b-api-key'), () => `e2b_${randomBytes(20).toString('hex')}`),
    internalToken: secret(join(DEV_DIR, 'internal-token'), () => randomBytes(24).toString('base64url')),
  }
}

function secret(file: string, draw: () => string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const drawn = draw()
    writeFileSync(file, `${drawn}\n`, { mode: 0o600 })
    return drawn
  }
}

/** What our programs and the user's tools need to find the local system. */
export function environmentOf(kubeconfig: string, secrets: Secrets): Readonly<Record<string, string>> {
  const e2b = `http://127.0.0.1:${PORTS.e2b}`
  return {
    KUBECONFIG: kubeconfig,
    SWARM_ROUTER_URL: `http://127.0.0.1:${PORTS.router}`,
    E2B_API_URL: e2b,
    E2B_SANDBOX_URL: e2b,
    E2B_API_KEY: secrets.apiKey,
  }
}

/** Node 24 of the checkout, where the machine has an older one. */
const NODE_BIN = join(ROOT, 'dev/node/node_modules/.bin')

/**
 * Writes shell assignments for `. .dev/env`. The Node of the checkout is put into the PATH, which the plugin of kubectl needs, and with a kubectl
 * outside the PATH its directory too.
 */
export function writeEnvFile(environment: Readonly<Record<string, string>>, kubectl: string): void {
  const lines = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`)
  if (existsSync(join(NODE_BIN, 'node'))) lines.push(`export PATH=${quote(NODE_BIN)}:"$PATH"`)
  if (kubectl !== 'kubectl') lines.push(`export PATH="$PATH":${quote(dirname(kubectl))}`)
  writeFileSync(ENV_FILE, `${lines.join('\n')}\n`, { mode: 0o600 })
}

function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`
}

/** Where the port of an agent is reached and what every request to it must carry: names and values in turn, a secret among them. */
export type Address = { readonly origin: string; readonly headers: readonly string[] }

/** The sandbox of an agent. */
export type Sandbox = { readonly id: string; readonly domain?: string | undefined; readonly port: number }

const DEFAULT_DOMAIN = 'e2b.app'

/** With a sandbox URL (E2B_SANDBOX_URL), everything goes there and headers name the sandbox; else each port has its own host name. */
export function addressOf(sandbox: Sandbox, token: string | undefined, sandboxUrl: string | undefined): Address {
  const headers = token === undefined ? [] : ['e2b-traffic-access-token', token]
  if (sandboxUrl === undefined) return { origin: `https://${sandbox.port}-${sandbox.id}.${sandbox.domain ?? DEFAULT_DOMAIN}`, headers }
  return { origin: sandboxUrl, headers: ['e2b-sandbox-id', sandbox.id, 'e2b-sandbox-port', String(sandbox.port), ...headers] }
}

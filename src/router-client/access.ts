import { readFileSync } from 'node:fs'

/** How a router is known by TLS: certificates in PEM that vouch for it, and the name that its own must have whatever its address. */
export type RouterTls = { readonly ca: string; readonly servername: string }

/** How the operator speaks with every router. Both are asked for at each new connection or request, as tokens and certificates are renewed. */
export type RouterAccess = {
  /** Bearer token; empty for none. */
  readonly token: () => string
  /** Absent: certificates are checked as the system does, against the address. */
  readonly tls?: () => RouterTls
}

/** Kubernetes renews a projected token when 80 % of its life has passed: this is soon enough, as in client-go. Milliseconds. */
const FRESH_MS = 60_000

/** The text of a file that others may replace, read at most once a minute. Throws what reading threw when it was never read. */
export function followedFile(path: string, now: () => number): () => string {
  let text: string | undefined
  let readMs = -Infinity
  return () => {
    if (text !== undefined && now() - readMs < FRESH_MS) return text
    try {
      text = readFileSync(path, 'utf8')
      readMs = now()
    } catch (error) {
      if (text === undefined) throw error
    }
    return text
  }
}

/** Whether metrics and webhooks may name a host. Patterns are names, addresses, or `*.example.com` for all below a domain; none is all hosts. */
export function mayAsk(patterns: readonly string[], host: string): boolean {
  if (patterns.length === 0) return true
  const name = host.replace(/^\[|\]$|\.$/g, '').toLowerCase()
  return patterns.some((pattern) => (pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern))
}

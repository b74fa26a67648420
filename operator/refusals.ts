import type { KubeConfig } from '@kubernetes/client-node'
import type { Logger } from 'winston'
import { OperatorError } from '../src/errors.ts'
import { loadKubeConfig } from '../src/kube/client.ts'

/** A flag, a variable or a file that cannot be used; the message says which and what to write instead. */
export class ConfigError extends Error {}

/** The cluster to use. Throws a ConfigError when the kubeconfig cannot be read or has no such context. */
export function clusterConfig(options: { readonly file?: string | undefined; readonly context?: string | undefined }): KubeConfig {
  let config: KubeConfig
  try {
    config = loadKubeConfig(options)
  } catch (cause) {
    throw new ConfigError(`the kubeconfig cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  if (config.getCurrentCluster()) return config
  const names = config.getContexts().map((context) => context.name)
  const wanted = options.context ?? config.getCurrentContext()
  throw new ConfigError(
    `the kubeconfig has no context ${JSON.stringify(wanted)}; there ${names.length > 0 ? `are ${names.join(', ')}` : 'is none in it'}`,
  )
}

/** What Node.js would write as text goes to the log as well: warnings, and the error that ends the process. */
export function logEverything(log: Logger): void {
  process.removeAllListeners('warning').on('warning', ({ name, message }) => log.warn('warning of Node.js', { name, error: message }))
  process.on('uncaughtException', (error) => {
    log.error('ended by an error that nobody foresaw', { error })
    process.exit(1)
  })
}

/** Says in a line why a program cannot start, and sets its exit code. What nobody foresaw is thrown on. */
export function refuse(error: unknown, portFlag: string, log: Logger | undefined): void {
  if (error instanceof ConfigError) return tell(`${error.message}; see --help`, 2, log)
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
    return tell(`${error.message}: another process has this port; end it, or choose another port with ${portFlag}`, 1, log)
  if (error instanceof OperatorError) return tell(error.message, 1, log)
  throw error
}

/** Text as long as nobody has read how to log. */
function tell(message: string, exitCode: number, log: Logger | undefined): void {
  if (log) log.error('cannot run', { error: message })
  else process.stderr.write(`${message}\n`)
  process.exitCode = exitCode
}

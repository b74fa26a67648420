import type { KubeConfig } from '@kubernetes/client-node'
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

/** Names of namespaces. Throws a ConfigError. */
export function namespacesOf(names: readonly string[]): string[] {
  const bad = names.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
  if (bad !== undefined)
    throw new ConfigError(`--namespace ${JSON.stringify(bad)} is not the name of a namespace; it has lower case letters, digits and -`)
  return [...names]
}

/** Says in a line why a program cannot start, and sets its exit code. What nobody foresaw is thrown on. */
export function refuse(error: unknown, portFlag: string): void {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}; see --help\n`)
    process.exitCode = 2
  } else if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    process.stderr.write(`${error.message}: another process has this port; end it, or choose another port with ${portFlag}\n`)
    process.exitCode = 1
  } else if (error instanceof OperatorError) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  } else throw error
}

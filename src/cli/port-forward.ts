import { spawn } from 'node:child_process'
import type { KubeObject, ResourceKind } from '../kube/objects.ts'
import { CliError } from './fleet.ts'
import type { ClusterFlags, Surroundings } from './surroundings.ts'

/** There is no way to any router: the message says what to give. */
export class NoRouterError extends CliError {}

/** A pod, as far as it is of interest here. */
export interface Pod extends KubeObject {
  readonly spec?: {
    readonly containers: readonly {
      readonly name: string
      readonly image?: string
      readonly command?: readonly string[]
      readonly args?: readonly string[]
    }[]
  }
  readonly status?: { readonly phase?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** How pods are addressed. */
export const PODS: ResourceKind<Pod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true }

/** Longest wait for a way to a pod, in milliseconds. */
const OPEN_MS = 15_000

/** The port on which routers of the chart listen. */
const ROUTER_PORT = 18_000

/** A way to a router that is open until it is closed. */
export type Forward = { readonly url: string; readonly close: () => void }

/** Which cluster, the environment of kubectl, and whose end closes the way. */
export type ForwardOptions = { readonly flags: ClusterFlags; readonly env: Surroundings['env']; readonly signal: AbortSignal }

/**
 * Opens a way to a router through the API server, by kubectl, which knows every kind of connection that API servers have had. It is never left
 * running: it ends with `close`, with the signal and with the process. Throws a NoRouterError.
 */
export async function forward({ metadata, spec }: Pod, { flags, env, signal }: ForwardOptions): Promise<Forward> {
  const { namespace, name } = metadata
  if (spec?.containers.some(({ args = [] }) => args.some((arg) => arg.startsWith('--tls-cert-file'))))
    throw new NoRouterError(
      `router ${namespace}/${name} speaks TLS for its Service only; give the address of that with --router or SWARM_ROUTER_URL`,
    )
  const args = ['port-forward', '--address=127.0.0.1', `--namespace=${namespace}`, ...wordsOf(flags), `pod/${name}`, `:${ROUTER_PORT}`]
  const child = spawn('kubectl', args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal })
  const kill = () => void child.kill()
  process.once('exit', kill)
  const close = () => {
    process.off('exit', kill)
    kill()
  }
  const opened = Promise.withResolvers<string>()
  let [said, complaint] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000)
    const [, port] = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said) ?? []
    if (port !== undefined) opened.resolve(`http://127.0.0.1:${port}`)
  })
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-1_000)))
  const failed = (why: string) => opened.reject(new NoRouterError(`there is no way to router ${namespace}/${name}: ${why.trim()}`))
  child.on('error', (error) => failed(`kubectl cannot be run (${error.message})`))
  child.on('exit', () => failed(complaint || 'kubectl port-forward has ended'))
  const late = setTimeout(() => failed(`no answer within ${OPEN_MS / 1_000} s`), OPEN_MS)
  try {
    return { url: await opened.promise, close }
  } catch (error) {
    close()
    throw error
  } finally {
    clearTimeout(late)
  }
}

const wordsOf = ({ kubeconfig, context }: ClusterFlags): string[] => [
  ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
  ...(context === undefined ? [] : [`--context=${context}`]),
]

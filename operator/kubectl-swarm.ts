#!/usr/bin/env node
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { userInfo } from 'node:os'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { runCli } from '../src/cli/commands.ts'
import { EXIT, type ClusterFlags, type Terminal } from '../src/cli/surroundings.ts'
import { userName } from '../src/cli/user.ts'
import { KubeClient } from '../src/kube/client.ts'
import { endpointsOf } from './operator-config.ts'
import { clusterConfig, ConfigError } from './refusals.ts'

// The plugin of kubectl: with this file as `kubectl-swarm` in the PATH, `kubectl swarm` runs it.

/** Time for what is done when somebody ends the plugin. Milliseconds. */
const EXIT_MS = 3_000

/** A client of the cluster that the flags name, and the namespace that their context has. */
function connect({ kubeconfig: file, context }: ClusterFlags) {
  const config = clusterConfig({ file, context })
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  return { client: new KubeClient(config, { userAgent: 'kubectl-swarm' }), namespace }
}

/** The bearer token that the kubeconfig has for its user. A user with a certificate has none, and routers cannot see certificates. */
async function kubeToken({ kubeconfig: file, context }: ClusterFlags): Promise<string | undefined> {
  const options: RequestOptions = {}
  try {
    await clusterConfig({ file, context }).applyToHTTPSOptions(options)
  } catch (error) {
    if (error instanceof ConfigError) return undefined // a router may be used without a cluster
    throw error
  }
  const [, value] = Object.entries(options.headers ?? {}).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  return /^Bearer (.+)$/.exec(String(value))?.[1]
}

async function providers() {
  const [{ Providers }, { Registry }] = await Promise.all([import('../src/e2b/providers.ts'), import('prom-client')])
  const all = new Providers({ endpoints: endpointsOf(process.env), createsPerSecond: 0, registry: new Registry() })
  return (apiKey: string) => all.for(apiKey)
}

let stopping: AbortController | undefined
const stop = (code: number) => {
  if (!stopping) process.exit(code)
  stopping.abort()
  setTimeout(() => process.exit(code), EXIT_MS).unref()
}

function interrupted(): AbortSignal {
  if (stopping) return stopping.signal
  stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop(EXIT.interrupted))
  return stopping.signal
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string } // written by us

const write = (stream: NodeJS.WriteStream) => async (output: string | Uint8Array) => {
  if (!stream.write(output)) await once(stream, 'drain')
}

const { stdin, stdout } = process
const terminal: Terminal = {
  size: () => ({ cols: stdout.columns || 80, rows: stdout.rows || 24 }),
  onSize: (listener) => {
    const tell = () => listener(terminal.size())
    stdout.on('resize', tell)
    return () => stdout.off('resize', tell)
  },
  setRaw: (isRaw) => void stdin.setRawMode(isRaw),
}

// A reader that has seen enough, such as head, is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => stop(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))

try {
  // Under the name by which kubectl asks its plugins for words it completes.
  const [, self = '', ...words] = process.argv
  const args = basename(self) === 'kubectl_complete-swarm' ? ['__complete', '--', ...words] : words
  process.exitCode = await runCli(args, {
    write: write(stdout),
    writeError: write(process.stderr),
    readInput: async () => text(stdin),
    input: stdin,
    isTerminal: stdout.isTTY ?? false,
    terminal: stdin.isTTY && stdout.isTTY ? terminal : undefined,
    env: process.env,
    user: () => userName(() => userInfo().username, process.env, process.getuid?.()),
    connect,
    contexts: (flags) =>
      clusterConfig({ file: flags.kubeconfig })
        .getContexts()
        .map(({ name }) => name),
    kubeToken,
    providers,
    interrupted,
    now: Date.now,
    version,
  })
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = EXIT.usage
}

#!/usr/bin/env node
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { runCli, EXIT, type ClusterFlags } from '../src/cli/commands.ts'
import { KubeClient } from '../src/kube/client.ts'
import { clusterConfig, ConfigError } from './refusals.ts'

/** The plugin of kubectl: with this file as `kubectl-swarm` in the PATH, `kubectl swarm` runs it. */
function connect({ kubeconfig: file, context }: ClusterFlags) {
  const config = clusterConfig({ file, context })
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  return { client: new KubeClient(config, { userAgent: 'kubectl-swarm' }), namespace }
}

// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))

try {
  process.exitCode = await runCli(process.argv.slice(2), {
    write: (output) => process.stdout.write(output),
    writeError: (output) => process.stderr.write(output),
    readInput: async () => text(process.stdin),
    isTerminal: process.stdout.isTTY ?? false,
    env: process.env,
    user: userInfo().username,
    connect,
    now: Date.now,
  })
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = EXIT.usage
}

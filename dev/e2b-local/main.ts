#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { DataDirInUseError } from './data-dir.ts'
import { parseDuration } from './durations.ts'
import type { E2bLocalOptions } from './options.ts'
import { DEFAULT_API_KEY, startE2bLocal } from './server.ts'

const OPTIONS = {
  host: { type: 'string', default: '127.0.0.1', help: 'Address to listen on' },
  port: { type: 'string', default: '13000', help: 'Port to listen on; 0 for a free one' },
  'data-dir': { type: 'string', help: 'Where sandboxes live (default: a directory that goes away at the end)' },
  light: { type: 'boolean', default: false, help: 'No processes: every port answers by itself; for benchmarks' },
  template: {
    type: 'string',
    multiple: true,
    help: 'A template known besides base, as name or name=CPUSxMEGABYTES; repeat it for several',
  },
  'create-latency': { type: 'string', help: 'Time a create takes, such as 150ms' },
  'create-rate': { type: 'string', help: 'Creates per second before a 429' },
  'max-sandboxes': { type: 'string', help: 'Running sandboxes before a 429' },
  'max-session': { type: 'string', help: 'The longest life of a sandbox, such as 1h' },
  'failure-rate': { type: 'string', help: 'Share of API calls that fail, 0 to 1' },
  'ambiguous-rate': { type: 'string', help: 'Share of creates whose answer is lost, 0 to 1' },
  seed: { type: 'string', help: 'Seed of the failures' },
  help: { type: 'boolean', default: false, help: 'Show this' },
} as const

class UsageError extends Error {}

function readOptions(args: string[]): E2bLocalOptions | undefined {
  const { values } = parseArgs({ args, options: OPTIONS, allowPositionals: false })
  if (values.help) return undefined
  const key = process.env['E2B_LOCAL_API_KEY']
  const isLoopback = ['127.0.0.1', '::1', 'localhost'].includes(values.host)
  if (!key && !isLoopback) throw new UsageError('beyond loopback an API key is needed: set E2B_LOCAL_API_KEY')
  const number = (name: 'port' | 'create-rate' | 'max-sandboxes' | 'failure-rate' | 'ambiguous-rate' | 'seed') => {
    const text = values[name]
    if (text === undefined) return undefined
    const value = Number(text)
    if (text === '' || !Number.isFinite(value) || value < 0)
      throw new UsageError(`--${name} must be a number, 0 or more, not ${JSON.stringify(text)}`)
    return value
  }
  const port = number('port')
  if (port !== undefined && (!Number.isInteger(port) || port > 65_535)) throw new UsageError('--port must be a whole number up to 65535')
  const duration = (name: 'create-latency' | 'max-session') => {
    const text = values[name]
    const ms = text === undefined ? undefined : parseDuration(text)
    if (text !== undefined && ms === undefined)
      throw new UsageError(`--${name} must be a duration such as 150ms, not ${JSON.stringify(text)}`)
    return ms
  }
  const given = {
    host: values.host,
    port,
    dataDir: values['data-dir'],
    apiKey: key || DEFAULT_API_KEY,
    light: values.light,
    templates: values.template,
    seed: number('seed'),
    createLatencyMs: duration('create-latency'),
    createRate: number('create-rate'),
    maxSandboxes: number('max-sandboxes'),
    maxSessionMs: duration('max-session'),
    failureRate: number('failure-rate'),
    ambiguousRate: number('ambiguous-rate'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function usage(): string {
  const lines = Object.entries(OPTIONS).map(([name, { help }]) => `  --${name.padEnd(16)} ${help}`)
  return [
    'Usage: e2b-local [flags]',
    '',
    'An E2B-compatible server whose sandboxes are local processes.',
    '',
    ...lines,
    '',
    'Environment: E2B_LOCAL_API_KEY, the key that clients must send.',
  ].join('\n')
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (!options) return console.log(usage())
  const server = await startE2bLocal(options)
  console.log(JSON.stringify({ message: 'e2b-local listens', url: server.url, port: server.port }))
  const stop = () => {
    void server.stop().then(() => process.exit(0))
  }
  // A terminal and the program in between may both pass the same signal on; the second must not cut the end short.
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** What a person can put right, in one sentence; undefined for a fault of the program. */
function sentenceOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if ('code' in error && error.code === 'EADDRINUSE') return 'the port is taken; choose another one with --port'
  // What the system refuses, such as an address or a directory, says itself what is wrong.
  const isExpected = error instanceof UsageError || error instanceof TypeError || error instanceof DataDirInUseError || 'code' in error
  return isExpected ? error.message : undefined
}

try {
  await main()
} catch (error) {
  const sentence = sentenceOf(error)
  if (sentence === undefined) throw error
  console.error(sentence)
  process.exitCode = 2
}

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../dev/cluster/ports.ts'
import { eventually } from './wait.ts'

/** What is scraped: `more` goes into the scrape configuration as it is. */
export type Job = { readonly job_name: string; readonly ports: readonly number[]; readonly more?: Readonly<Record<string, unknown>> }

/** One series of an answer. */
export type Series = { readonly metric: Readonly<Record<string, string>>; readonly value: number }

/** An alert as Prometheus has it. */
export type Alert = { readonly labels: Readonly<Record<string, string>>; readonly state: 'pending' | 'firing' }

/** A metric: its type, and the names of its labels. */
export type Metric = { readonly type: string; readonly labels: readonly string[] }

type PrometheusOptions = {
  readonly jobs: readonly Job[]
  /** Rules, as the text of a file. */
  readonly rules?: string
}

const BINARY = '/usr/bin/prometheus'

/** Debian's Prometheus, with a look at everything each second. */
export class Prometheus {
  readonly url: string
  readonly #dir: string
  readonly #child: ChildProcess
  #log = ''

  private constructor(port: number, { jobs, rules }: PrometheusOptions) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing; dev/debian-packages.sh installs it`)
    this.url = `http://127.0.0.1:${port}`
    this.#dir = mkdtempSync(join(tmpdir(), 'swarm-prometheus-'))
    const file = join(this.#dir, 'prometheus.yaml')
    if (rules !== undefined) writeFileSync(join(this.#dir, 'rules.yaml'), rules)
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      ...(rules !== undefined && { rule_files: ['rules.yaml'] }),
      scrape_configs: jobs.map(({ job_name, ports, more }) => ({
        job_name,
        honor_labels: true,
        static_configs: [{ targets: ports.map((each) => `127.0.0.1:${each}`) }],
        ...more,
      })),
    }
    writeFileSync(file, JSON.stringify(config)) // JSON is YAML
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(this.#dir, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]
    this.#child = spawn(BINARY, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)))
    const end = () => this.#child.kill('SIGKILL')
    process.once('exit', end)
    this.#child.once('exit', () => process.off('exit', end))
  }

  static async start(options: PrometheusOptions): Promise<Prometheus> {
    const [port = 0] = await freePorts(1)
    const prometheus = new Prometheus(port, options)
    await eventually('Prometheus answers', async () => {
      if (prometheus.#child.exitCode !== null) throw new Error(`it ended: ${prometheus.#log}`)
      return (await fetch(`${prometheus.url}/-/ready`)).ok
    })
    return prometheus
  }

  /** Asks a query; throws when Prometheus does not take it. */
  async query(query: string): Promise<readonly Series[]> {
    const response = await fetch(`${this.url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query }) })
    const answer = (await response.json()) as Answer
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`)
    const { resultType, result } = answer.data
    if (resultType === 'scalar') return [{ metric: {}, value: Number(result[1]) }]
    return (result as { metric: Record<string, string>; value: [number, string] }[]).map(({ metric, value }) => ({
      metric,
      value: Number(value[1]),
    }))
  }

  /** All alerts that are pending or firing. */
  async alerts(): Promise<readonly Alert[]> {
    const { data } = (await (await fetch(`${this.url}/api/v1/alerts`)).json()) as { data: { alerts: Alert[] } }
    return data.alerts
  }

  /** Names of rules, with what is wrong with those that cannot be evaluated. */
  async rules(): Promise<readonly { name: string; health: string; lastError?: string }[]> {
    const { data } = (await (await fetch(`${this.url}/api/v1/rules`)).json()) as {
      data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] }
    }
    return data.groups.flatMap((group) => group.rules)
  }

  /** Our metrics as they were scraped: their types, and the names of the labels that their series have. */
  async metrics(): Promise<ReadonlyMap<string, Metric>> {
    const ask = async <T>(path: string) => ((await (await fetch(`${this.url}/api/v1/${path}`)).json()) as { data: T }).data
    const types = await ask<Record<string, { type: string }[]>>('metadata')
    const series = await ask<Record<string, string>[]>(
      `series?${new URLSearchParams({ 'match[]': '{__name__=~"swarmops_.+"}' }).toString()}`,
    )
    const labels = new Map<string, Set<string>>()
    for (const { __name__: full = '', job: _job, instance: _instance, le: _le, ...own } of series) {
      const name = full in types ? full : full.replace(/_(bucket|sum|count)$/, '')
      for (const label of Object.keys(own)) labels.set(name, (labels.get(name) ?? new Set()).add(label))
    }
    const ours = Object.entries(types).filter(([name]) => name.startsWith('swarmops_'))
    return new Map(ours.map(([name, [first]]) => [name, { type: first?.type ?? '', labels: [...(labels.get(name) ?? [])].sort() }]))
  }

  /** Waits until an alert with these labels is in a state. */
  async has(alertname: string, state: Alert['state'], labels: Readonly<Record<string, string>> = {}): Promise<Alert> {
    const wanted = Object.entries({ alertname, ...labels })
    return eventually(
      `${alertname} is ${state}`,
      async () => {
        const alerts = await this.alerts()
        const found = alerts.find((alert) => alert.state === state && wanted.every(([name, value]) => alert.labels[name] === value))
        if (found) return found
        throw new Error(JSON.stringify(alerts))
      },
      { timeoutMs: 40_000, pollMs: 200 },
    )
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGKILL')
      await ended
    }
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

type Answer =
  | {
      status: 'success'
      data: { resultType: string; result: [number, string] | { metric: Record<string, string>; value: [number, string] }[] }
    }
  | { status: 'error'; error: string }

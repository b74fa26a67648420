import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadAll } from 'js-yaml'
import { startCluster, type Cluster } from '../../dev/cluster/cluster.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { ENDPOINT_SLICES, NAMESPACES, SECRETS, type KubeObject, type ResourceKind, type Secret } from '../../src/kube/objects.ts'
import type { Rule } from './audit.ts'
import { CHART, helm, setValues, type Rendered, type Values } from './helm.ts'
import type { ProgramOptions } from './programs.ts'
import type { Installed, SystemOptions } from './system.ts'

const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token'
const LISTENING = { operator: '"health server started"', router: '"router listens"' }
type Component = keyof typeof LISTENING

type Container = {
  args: string[]
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[]
  volumeMounts?: { name: string; mountPath: string }[]
}
type Volume = {
  name: string
  secret?: { secretName: string; items?: { key: string; path: string }[] }
  projected?: { sources: { serviceAccountToken?: { audience: string; path: string } }[] }
}
type PodSpec = { serviceAccountName: string; automountServiceAccountToken?: boolean; containers: Container[]; volumes?: Volume[] }
type Deployment = Rendered & { spec: { template: { spec: PodSpec } } }
/** A container as a process: where its files are is changed in its arguments and variables. */
type Process = { args: string[]; env: Record<string, string>; tokenFile: string }
type Binding = Rendered & { roleRef: { kind: string; name: string }; subjects: { name: string; namespace: string }[] }
type Role = Rendered & { rules: Omit<Rule, 'namespace'>[] }

/** A control plane of its own, as strict about owners as OpenShift's, that notes every request, and what Helm has installed there. */
export class ChartInstallation {
  readonly namespace = 'swarm-system'
  readonly release = 'swarm-operator'
  readonly dir: string
  readonly cluster: Cluster
  readonly client: KubeClient

  private constructor(dir: string, cluster: Cluster) {
    this.dir = dir
    this.cluster = cluster
    this.client = new KubeClient(loadKubeConfig({ file: cluster.kubeconfig }))
  }

  /** Starts the control plane; nothing is installed yet. */
  static async start(): Promise<ChartInstallation> {
    const dir = mkdtempSync(join(tmpdir(), 'swarm-chart-'))
    try {
      const cluster = await startCluster({ dir, mayBuild: false, audit: true, admissionPlugins: ['OwnerReferencesPermissionEnforcement'] })
      process.once('exit', () => cluster.killNow())
      return new ChartInstallation(dir, cluster)
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  async kubectl(...args: string[]): Promise<string> {
    const options = { maxBuffer: 64 * 1024 * 1024 }
    return (await promisify(execFile)('kubectl', ['--kubeconfig', this.cluster.kubeconfig, ...args], options)).stdout
  }

  /** Runs a command of Helm about the release. */
  async helm(command: string | readonly string[], ...args: string[]): Promise<string> {
    const flags = ['--kubeconfig', this.cluster.kubeconfig, '-n', this.namespace]
    const { code, stdout, stderr } = await helm([...[command].flat(), this.release, ...args, ...flags])
    if (code !== 0) throw new Error(`helm ${[command].flat().join(' ')}: ${stderr}`)
    return stdout
  }

  async install(values: Values): Promise<void> {
    await this.helm('upgrade', CHART, '--install', '--create-namespace', ...setValues(values))
  }

  /** For System.start: installs the chart with these values, and runs the programs as their Deployments say, with the rights that they get. */
  asInstalled(values: (namespace: string) => Values): NonNullable<SystemOptions['install']> {
    return async ({ e2b, namespace }): Promise<Installed> => {
      await this.client.create(NAMESPACES, { metadata: { name: this.namespace } }).catch(() => undefined)
      const key = { metadata: { namespace: this.namespace, name: 'e2b' }, stringData: { apiKey: e2b.apiKey } }
      await this.client.apply(SECRETS, key, { fieldManager: 'test', force: true })
      const reach = { 'e2b.existingSecret': 'e2b', 'e2b.apiUrl': e2b.url, 'e2b.sandboxUrl': e2b.url }
      const reader = { 'monitoring.readers[0].name': 'default', 'monitoring.readers[0].namespace': this.namespace }
      await this.install({ ...reach, ...reader, 'operator.leaseDuration': '2s', 'operator.createRate': '0', ...values(namespace) })
      await this.kubectl('-n', namespace, 'create', 'serviceaccount', 'client')
      const role = `--clusterrole=${this.namespace}-${this.release}-task-sender`
      await this.kubectl('-n', namespace, 'create', 'rolebinding', 'client', role, `--serviceaccount=${namespace}:client`)
      return {
        operator: await this.program('operator'),
        router: await this.program('router'),
        clientToken: await this.token(namespace, 'client'),
        onRouter: async (port) => this.endpoint(port),
      }
    }
  }

  /** A token of a ServiceAccount. */
  async token(namespace: string, name: string, audience?: string): Promise<string> {
    const more = audience === undefined ? [] : [`--audience=${audience}`]
    return (await this.kubectl('-n', namespace, 'create', 'token', name, '--duration=1h', ...more)).trim()
  }

  /** The user that a component is to the API server. */
  user(component: Component): string {
    return `system:serviceaccount:${this.namespace}:${this.release}-${component}`
  }

  /** Every rule that is bound to a component, wherever. */
  async rules(component: Component): Promise<Rule[]> {
    const kinds = 'roles,rolebindings,clusterroles,clusterrolebindings'
    const list = JSON.parse(await this.kubectl('get', kinds, '-A', '-o', 'json')) as { items: Rendered[] }
    const account = `${this.release}-${component}`
    const bindings = list.items.filter((o): o is Binding => o.kind.endsWith('Binding'))
    const bound = bindings.filter((b) => b.subjects?.some((s) => s.name === account && s.namespace === this.namespace))
    return bound.flatMap(({ roleRef, metadata: { namespace = '' } }) => {
      const isRole = (o: Rendered): o is Role =>
        o.kind === roleRef.kind &&
        o.metadata.name === roleRef.name &&
        (o.metadata.namespace ?? '') === (roleRef.kind === 'Role' ? namespace : '')
      return list.items.filter(isRole).flatMap(({ rules }) => rules.map((rule) => ({ ...rule, namespace })))
    })
  }

  /** The program of a Deployment, with its own flags, but on a free port and with files where a test may write. */
  async program(component: Component): Promise<ProgramOptions> {
    const name = `${this.release}-${component}`
    const deployment = JSON.parse(await this.kubectl('-n', this.namespace, 'get', 'deployment', name, '-o', 'json')) as Deployment
    const { args, env, tokenFile } = await this.#process(deployment.spec.template.spec)
    const onFreePort = args.map((arg) => arg.replace(/^(--(metrics-)?port)=\d+$/, '$1=0'))
    env['KUBECONFIG'] = this.#kubeconfig(component, tokenFile)
    return { file: `operator/${component}.ts`, args: onFreePort, env, listening: LISTENING[component] }
  }

  /**
   * Runs what the pod of \`helm test\` runs, and says what it said. Names of Services lead to this machine, with the ports of the processes
   * in place of those that every pod has.
   */
  async helmTest(ports: { operator: number; router: number }): Promise<{ code: number; output: string }> {
    const hooks = (await this.helm(['get', 'hooks'])).split(/^---$/m).flatMap((text) => loadAll(text) as Rendered[])
    for (const hook of hooks) if (hook.kind !== 'Pod') await this.client.apply(kindOf(hook), hook, { fieldManager: 'test', force: true })
    const pod = hooks.find(({ kind }) => kind === 'Pod')
    const { args, env } = await this.#process(pod?.['spec'] as PodSpec)
    const toHere = (url = '') => url.replace(':18080', `:${ports.operator}`).replace(':18000', `:${ports.router}`)
    const patch = `import dns from 'node:dns'; const { lookup } = dns; dns.lookup = (_name, ...rest) => lookup('127.0.0.1', ...rest)`
    const here = { ...env, ROUTER_URL: toHere(env['ROUTER_URL']), OPERATOR_URL: toHere(env['OPERATOR_URL']), TRIES: '30' }
    const run = promisify(execFile)(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(patch)}`, ...args], {
      env: { PATH: process.env['PATH'], ...here },
    })
    return run.then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      (error: { code?: number; stdout?: string; stderr?: string }) => ({
        code: error.code ?? 1,
        output: `${error.stdout ?? ''}${error.stderr ?? ''}`,
      }),
    )
  }

  async #process({ containers: [container], volumes = [], serviceAccountName, automountServiceAccountToken }: PodSpec): Promise<Process> {
    const root = mkdtempSync(join(this.dir, 'pod-'))
    const tokenFile = join(root, 'token')
    if (automountServiceAccountToken !== false)
      writeFileSync(tokenFile, await this.token(this.namespace, serviceAccountName), { mode: 0o600 })
    const places: [string, string][] = [[TOKEN_FILE, tokenFile]]
    for (const { name, mountPath } of container?.volumeMounts ?? []) {
      const volume = volumes.find((v) => v.name === name)
      const place = join(root, name)
      mkdirSync(place)
      for (const { key, path } of volume?.secret?.items ?? [])
        writeFileSync(join(place, path), await this.#secretValue({ name: volume?.secret?.secretName ?? '', key }), { mode: 0o600 })
      for (const { serviceAccountToken: token } of volume?.projected?.sources ?? [])
        if (token)
          writeFileSync(join(place, token.path), await this.token(this.namespace, serviceAccountName, token.audience), { mode: 0o600 })
      if (mountPath !== '/tmp') places.push([mountPath, place])
    }
    const placed = (text: string) => places.reduce((now, [from, to]) => now.replace(from, to), text)
    const env: Record<string, string> = {}
    for (const { name, value, valueFrom } of container?.env ?? [])
      env[name] = placed(value ?? (await this.#secretValue(valueFrom?.secretKeyRef)))
    return { args: (container?.args ?? []).map(placed), env, tokenFile }
  }

  async #secretValue(ref: { name: string; key: string } | undefined): Promise<string> {
    const secret: Secret | undefined = await this.client.get(SECRETS, { namespace: this.namespace, name: ref?.name ?? '' })
    return Buffer.from(secret?.data?.[ref?.key ?? ''] ?? '', 'base64').toString('utf8')
  }

  /** The cluster as the pods of a component see it: with the token of its ServiceAccount and nothing else. */
  #kubeconfig(component: Component, tokenFile: string): string {
    const file = join(this.dir, `${component}.kubeconfig`)
    const config = JSON.parse(readFileSync(this.cluster.kubeconfig, 'utf8')) as { users: unknown }
    config.users = [{ name: 'admin', user: { token: readFileSync(tokenFile, 'utf8') } }]
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
    return file
  }

  /** What the control plane does when a pod of the router is ready. */
  async endpoint(port: number): Promise<void> {
    const name = `${this.release}-router`
    const manifest = {
      metadata: { name: `${name}-${port}`, namespace: this.namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [addressOfMachine()], conditions: { ready: true, serving: true, terminating: false } }],
    }
    await this.client.apply(ENDPOINT_SLICES, manifest, { fieldManager: 'test', force: true })
  }

  async stop(): Promise<void> {
    await this.client.close()
    await this.cluster.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

function kindOf({ apiVersion, kind }: Rendered): ResourceKind<KubeObject> {
  const [version = '', group = ''] = apiVersion.split('/').reverse()
  return { group, version, plural: `${kind.toLowerCase()}s`, kind, namespaced: true }
}

/** No EndpointSlice may hold a loopback address. */
function addressOfMachine(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  if (!found) throw new Error('this machine has no IPv4 address but loopback ones, which no EndpointSlice may hold')
  return found.address
}

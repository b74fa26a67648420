import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { Daemon } from '../../dev/cluster/daemon.ts'
import { installCrds } from '../../dev/cluster/install-crds.ts'
import { outputOf } from '../../dev/cluster/output-of.ts'
import { freePorts } from '../../dev/cluster/ports.ts'
import { argoCdManifests, ensureArgoCd } from '../../dev/tools/argo-cd.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { Informer } from '../../src/kube/informer.ts'
import { CONFIG_MAPS, NAMESPACES, SECRETS, type KubeObject, type Manifest, type ResourceKind } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { GitRepository } from './git.ts'
import { kubectlOk } from './kubectl.ts'
import { eventually } from './wait.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy/argocd')
const NAMESPACE = 'argocd'
const LABELS = { 'app.kubernetes.io/part-of': 'argocd' }
const GRACE_MS = 5_000

/** What tests read of an Application. */
export interface Application extends KubeObject {
  readonly operation?: object
  readonly status?: {
    readonly health?: { readonly status?: string }
    readonly sync?: { readonly status: string; readonly revision?: string }
    readonly resources?: readonly ResourceStatus[]
    readonly conditions?: readonly { readonly type: string; readonly message: string }[]
    readonly operationState?: { readonly phase: string; readonly startedAt?: string; readonly syncResult?: { readonly revision: string } }
    readonly history?: readonly { readonly id: number; readonly revision: string }[]
  }
}
type ResourceStatus = {
  readonly kind: string
  readonly name: string
  readonly status?: string
  readonly health?: { readonly status: string; readonly message?: string }
}

const argo = (plural: string, kind: string) => ({ group: 'argoproj.io', version: 'v1alpha1', plural, kind, namespaced: true })
/** Applications as the API server has them. */
const APPLICATIONS: ResourceKind<Application> = argo('applications', 'Application')
const PROJECTS: ResourceKind<KubeObject> = argo('appprojects', 'AppProject')
const APPLICATION_SETS: ResourceKind<KubeObject> = argo('applicationsets', 'ApplicationSet')

/** Argo CD's application controller and repo server, its Redis, and a git repository, for one namespace of agents. */
export class ArgoCd {
  readonly client: KubeClient
  readonly repository: GitRepository
  readonly #dir: string
  readonly #daemons: readonly [Daemon, Daemon, Daemon, Daemon]
  readonly #kubeconfig: string
  readonly #end = () => {
    for (const daemon of this.#daemons) daemon.killNow()
    this.repository.killNow()
  }

  private constructor(dir: string, kubeconfig: string, repository: GitRepository) {
    this.#dir = dir
    this.#kubeconfig = kubeconfig
    this.repository = repository
    this.client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
    const daemon = (name: string) => new Daemon(name, dir)
    const [sets, controller] = [daemon('argocd-applicationset-controller'), daemon('argocd-application-controller')]
    this.#daemons = [daemon('redis-server'), daemon('argocd-repo-server'), sets, controller]
  }

  static async start(kubeconfig: string): Promise<ArgoCd> {
    if (outputOf('redis-server', ['--version']) === undefined)
      throw new Error('Argo CD needs redis-server, which this machine lacks: dev/debian-packages.sh installs it')
    const programs = await ensureArgoCd()
    const dir = mkdtempSync(join(tmpdir(), 'swarm-argocd-'))
    const here = new ArgoCd(dir, kubeconfig, await GitRepository.start(dir))
    process.once('exit', here.#end)
    try {
      await here.#start(programs)
    } catch (cause) {
      const { log } = here
      await here.stop()
      throw new Error(`Argo CD did not start: ${log}`, { cause })
    }
    return here
  }

  /** What its programs wrote last. */
  get log(): string {
    return this.#daemons.map((daemon) => `--- ${daemon.name}\n${daemon.logTail(5)}`).join('\n')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#daemons.map(async (daemon) => daemon.stop(GRACE_MS)))
    await this.repository.stop()
    await this.client.close()
    process.off('exit', this.#end)
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** Applies the project and an Application of \`deploy/argocd\`, for this repository and a namespace. */
  async application(name: string, namespace: string, spec: object = {}): Promise<void> {
    const server = loadKubeConfig({ file: this.#kubeconfig }).getCurrentCluster()?.server
    const project = manifest('project.yaml')
    await this.#apply(PROJECTS, {
      ...project,
      spec: { ...project.spec, sourceRepos: [this.repository.url], destinations: [{ server, namespace }] },
    })
    const { metadata, spec: shown } = manifest('application.yaml')
    const source = { ...(shown['source'] as object), repoURL: this.repository.url, path: name }
    await this.#apply(APPLICATIONS, {
      metadata: { ...metadata, name },
      spec: { ...shown, source, destination: { server, namespace }, ...spec },
    })
  }

  /** Applies the ApplicationSet of `deploy/argocd`, for this repository and a namespace; the cluster that it finds is called `here`. */
  async applicationSet(namespace: string): Promise<void> {
    const { metadata, spec } = manifest('applicationset.yaml')
    const template = spec['template'] as { spec: { source: object; destination: object } }
    const source = { ...template.spec.source, repoURL: this.repository.url }
    const inner = { ...template.spec, source, destination: { ...template.spec.destination, namespace } }
    await this.#apply(APPLICATION_SETS, { metadata, spec: { ...spec, template: { ...template, spec: inner } } })
  }

  /** Deletes the ApplicationSet, and with it the Applications that it has made. */
  async removeApplicationSet(): Promise<void> {
    await this.client.delete(APPLICATION_SETS, { namespace: NAMESPACE, name: manifest('applicationset.yaml').metadata.name })
  }

  async get(name: string): Promise<Application | undefined> {
    return this.client.get(APPLICATIONS, { namespace: NAMESPACE, name })
  }

  /** What a webhook of the git server does, or the button: look at the branch now. */
  async refresh(name: string): Promise<void> {
    await this.#patch(name, { metadata: { annotations: { 'argocd.argoproj.io/refresh': 'hard' } } })
  }

  /** What the button Sync does: applies the newest commit, whether anything differs or not; waits until it is done. */
  async sync(name: string): Promise<void> {
    const startedAt = (await this.get(name))?.status?.operationState?.startedAt
    await this.#patch(name, {
      operation: { initiatedBy: { username: 'ann' }, sync: { revision: this.repository.head, syncOptions: ['ServerSideApply=true'] } },
    })
    await this.until(name, 'has done another sync', ({ status, operation }) => {
      const { phase, startedAt: since } = status?.operationState ?? {}
      return operation === undefined && since !== startedAt && phase === 'Succeeded'
    })
  }

  /** Deletes an Application as Argo CD's finalizer does it: with all that it has made. */
  async remove(name: string): Promise<void> {
    await this.client.delete(APPLICATIONS, { namespace: NAMESPACE, name })
  }

  /** Waits until an Application has synced the newest commit and this holds. */
  async until(name: string, what: string, holds: (application: Application) => boolean, timeoutMs = 60_000): Promise<Application> {
    return eventually(
      `Application ${name} ${what}`,
      async () => {
        const application = await this.get(name)
        const { status } = application ?? {}
        if (application && status?.sync?.revision === this.repository.head && holds(application)) return application
        throw new Error(`${JSON.stringify({ ...status, history: undefined })}\n${this.log}`)
      },
      { timeoutMs },
    )
  }

  /** Writes down each health that an Application has, without repetitions, until it is stopped. */
  watchHealth(name: string): { seen: readonly string[]; stop(): Promise<void> } {
    const log = createLog({ level: 'error', shape: 'text' })
    const informer = new Informer<Application>({ client: this.client, kind: APPLICATIONS, namespaces: [NAMESPACE], log })
    const seen: string[] = []
    informer.onChange((_type, { metadata, status }) => {
      const health = status?.health?.status
      if (metadata.name === name && health !== undefined && health !== seen.at(-1)) seen.push(health)
    })
    informer.start()
    return { seen, stop: async () => informer.stop() }
  }

  async #patch(name: string, patch: object): Promise<void> {
    await this.client.mergePatch(APPLICATIONS, { namespace: NAMESPACE, name }, patch)
  }

  async #apply<T extends KubeObject>(kind: ResourceKind<T>, object: Manifest): Promise<void> {
    await this.client.apply(kind, object, { fieldManager: 'test', force: true })
  }

  async #start(programs: string): Promise<void> {
    await installCrds(this.#kubeconfig, join(argoCdManifests(), 'crds'))
    await this.#configure()
    const [redis = 0, repo = 0, repoMetrics = 0, metrics = 0, setMetrics = 0, setProbe = 0, webhook = 0] = await freePorts(7)
    const [cache, repoServer, sets, controller] = this.#daemons
    const at = '127.0.0.1'
    const redisArgs = ['--bind', at, '--port', String(redis), '--save', '', '--appendonly', 'no']
    await cache.start({ command: 'redis-server', args: redisArgs })
    const tmp = join(this.#dir, 'tmp')
    mkdirSync(tmp)
    const env = {
      KUBECONFIG: this.#kubeconfig,
      TMPDIR: tmp,
      ARGOCD_GPG_ENABLED: 'false',
      ARGOCD_TLS_DATA_PATH: tmp,
      ARGOCD_SSH_DATA_PATH: tmp,
      GITOPS_TOOLS_PARENT: String(process.pid),
    }
    const common = [`--namespace=${NAMESPACE}`, `--redis=${at}:${redis}`, '--loglevel=info']
    const repoArgs = ['--disable-tls', `--address=${at}`, `--port=${repo}`, `--metrics-address=${at}`, `--metrics-port=${repoMetrics}`]
    await repoServer.start({ command: join(programs, repoServer.name), args: [...common.slice(1), ...repoArgs], env })
    const controllerArgs = [
      `--repo-server=${at}:${repo}`,
      '--repo-server-plaintext',
      `--metrics-port=${metrics}`,
      '--persist-resource-health',
    ]
    await controller.start({ command: join(programs, controller.name), args: [...common, ...controllerArgs], env })
    const setArgs = [
      `--namespace=${NAMESPACE}`,
      `--argocd-repo-server=${at}:${repo}`,
      '--repo-server-plaintext',
      '--enable-progressive-syncs',
    ]
    setArgs.push(`--metrics-addr=${at}:${setMetrics}`, `--probe-addr=${at}:${setProbe}`, `--webhook-addr=${at}:${webhook}`)
    await sets.start({ command: join(programs, sets.name), args: setArgs, env })
  }

  async #configure(): Promise<void> {
    if (!(await this.client.get(NAMESPACES, { name: NAMESPACE }))) await this.client.create(NAMESPACES, { metadata: { name: NAMESPACE } })
    const meta = (name: string, labels = {}) => ({ metadata: { name, namespace: NAMESPACE, labels: { ...LABELS, ...labels } } })
    const empty = ['argocd-rbac-cm', 'argocd-tls-certs-cm', 'argocd-ssh-known-hosts-cm', 'argocd-gpg-keys-cm', 'argocd-cmd-params-cm']
    for (const name of empty) await this.#apply(CONFIG_MAPS, meta(name))
    // As Argo CD's own installation has it; then the command of docs/gitops.md.
    const own = load(readFileSync(join(argoCdManifests(), 'base/config/argocd-cm.yaml'), 'utf8')) as { data: Record<string, string> }
    await this.#apply(CONFIG_MAPS, { ...meta('argocd-cm'), data: own.data })
    const command = ['apply', '--server-side', '--field-manager=swarm-operator', '-k', join(DEPLOY, 'argocd-cm')]
    await kubectlOk([`--kubeconfig=${this.#kubeconfig}`, ...command])
    await this.#apply(SECRETS, { ...meta('argocd-secret'), stringData: { 'server.secretkey': 'a key that nobody else has' } })
    const config = loadKubeConfig({ file: this.#kubeconfig })
    const { server = '', caData } = config.getCurrentCluster() ?? {}
    const access = { bearerToken: config.getCurrentUser()?.token, tlsClientConfig: { caData } }
    const cluster = { name: 'here', server, config: JSON.stringify(access) }
    await this.#apply(SECRETS, {
      ...meta('cluster', { 'argocd.argoproj.io/secret-type': 'cluster', 'swarmops.dev/agents': 'true', stage: 'canary' }),
      stringData: cluster,
    })
  }
}

/** One of the manifests that are shown to users. */
function manifest(file: string): Manifest & { readonly spec: Readonly<Record<string, unknown>> } {
  return load(readFileSync(join(DEPLOY, file), 'utf8')) as Manifest & { readonly spec: Readonly<Record<string, unknown>> }
}

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { dump, loadAll } from 'js-yaml'
import { ensureHelm } from './tools/helm.ts'

// Writes the kustomize bases in config/ from the chart, for those who use no Helm; with --check only says whether they are up to date.
const ROOT = join(import.meta.dirname, '..')
const NAMESPACE = 'swarm-system'
const WATCHED = 'swarms'
const HEADER = '# Generated from charts/swarm-operator by `make generate`; edit the chart, not this file.\n'

type Manifest = { apiVersion: string; kind: string; metadata: Metadata; [field: string]: unknown }
type Metadata = { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> }

/** What the chart renders, without what only Helm needs. */
async function render(helm: string, values: Readonly<Record<string, string>>): Promise<Manifest[]> {
  const flags = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const args = ['template', 'swarm-operator', join(ROOT, 'charts/swarm-operator'), '-n', NAMESPACE, '--set', 'crds.install=false', ...flags]
  const { stdout } = await promisify(execFile)(helm, args, { maxBuffer: 16 * 1024 * 1024 })
  const manifests = loadAll(stdout).flatMap((document) => (document ? [document as Manifest] : []))
  return manifests.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined).map(withoutHelm)
}

function withoutHelm(manifest: Manifest): Manifest {
  const { 'helm.sh/chart': _chart, 'app.kubernetes.io/managed-by': _by, ...labels } = manifest.metadata.labels ?? {}
  return { ...manifest, metadata: { ...manifest.metadata, labels } }
}

const isAccess = ({ kind, apiVersion }: Manifest) => kind === 'ServiceAccount' || apiVersion.startsWith('rbac.')

const namespaceOf = (name: string, labels: Record<string, string> = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { ...labels } },
})
const HOME = namespaceOf(NAMESPACE, {
  'app.kubernetes.io/part-of': 'swarm-operator',
  'pod-security.kubernetes.io/enforce': 'restricted',
})

const yaml = (manifests: readonly object[]) => HEADER + manifests.map((m) => dump(m, { lineWidth: -1, noRefs: true })).join('---\n')

const kustomization = (fields: object) => yaml([{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', ...fields }])

const watch = (component: string) => ({
  target: { kind: 'Deployment', name: `swarm-operator-${component}` },
  patch: dump([{ op: 'add', path: '/spec/template/spec/containers/0/args/-', value: `--namespace=${WATCHED}` }]),
})

async function wantedFiles(helm: string): Promise<Map<string, string>> {
  const everywhere = await render(helm, { 'e2b.existingSecret': 'e2b' })
  const watched = await render(helm, { 'e2b.existingSecret': 'e2b', watchNamespaces: `{${WATCHED}}` })
  const evaluation = await render(helm, { 'e2bLocal.enabled': 'true', 'evaluation.insecure': 'true' })
  const crds = readdirSync(join(ROOT, 'crds')).sort()
  return new Map([
    ['config/crd/kustomization.yaml', kustomization({ resources: crds })],
    ['config/rbac/kustomization.yaml', kustomization({ resources: ['rbac.yaml'] })],
    ['config/rbac/rbac.yaml', yaml(everywhere.filter(isAccess))],
    ['config/manager/kustomization.yaml', kustomization({ resources: ['manager.yaml'] })],
    ['config/manager/manager.yaml', yaml([HOME, ...everywhere.filter((m) => !isAccess(m))])],
    ['config/default/kustomization.yaml', kustomization({ resources: ['../crd', '../rbac', '../manager'] })],
    [
      'config/namespaced/kustomization.yaml',
      kustomization({ resources: ['../crd', '../manager', 'rbac.yaml'], patches: ['operator', 'router'].map(watch) }),
    ],
    ['config/namespaced/rbac.yaml', yaml([namespaceOf(WATCHED), ...watched.filter(isAccess)])],
    ['config/evaluation/kustomization.yaml', kustomization({ resources: ['../crd', 'evaluation.yaml'] })],
    ['config/evaluation/evaluation.yaml', yaml([HOME, ...evaluation])],
  ])
}

function read(file: string): string | undefined {
  try {
    return readFileSync(join(ROOT, file), 'utf8')
  } catch {
    return undefined
  }
}

async function main(): Promise<void> {
  const wanted = await wantedFiles(await ensureHelm())
  const there = readdirSync(join(ROOT, 'config'), { recursive: true, encoding: 'utf8' }).map((file) => `config/${file}`)
  const isOurs = (file: string) => file.endsWith('.yaml') && !/^config\/crd\/(?!kustomization)/.test(file) // those are written with crds/
  const surplus = there.filter((file) => isOurs(file) && !wanted.has(file))
  const stale = [...wanted].filter(([file, text]) => read(file) !== text).map(([file]) => file)
  if (process.argv.includes('--check')) {
    const wrong = [...stale, ...surplus]
    if (wrong.length > 0) console.error(`these do not match the chart: ${wrong.join(', ')}; run: make generate`)
    process.exitCode = wrong.length > 0 ? 1 : 0
    return
  }
  for (const file of stale) {
    mkdirSync(dirname(join(ROOT, file)), { recursive: true })
    writeFileSync(join(ROOT, file), wanted.get(file) ?? '')
  }
  for (const file of surplus) rmSync(join(ROOT, file))
  console.log(stale.length + surplus.length > 0 ? `wrote ${[...stale, ...surplus].join(', ')}` : 'config/ is up to date')
}

await main()

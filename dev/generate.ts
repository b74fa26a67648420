import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { toCrd } from '../src/api/crd.ts'
import { KINDS } from '../src/api/kinds.ts'
import { apiDocs } from './api-docs.ts'
import { withValues } from './chart-docs.ts'
import { fleetDashboard } from './dashboards/fleet.ts'
import { operatorDashboard } from './dashboards/operator.ts'

// Writes crds/*.yaml, their copies for kustomize, and docs/api.md from the schemas in src/api, the table of the chart's values, and the
// dashboards from dev/dashboards; with --check only says whether they are up to date.
const ROOT = join(import.meta.dirname, '..')
const DASHBOARDS = 'charts/swarm-operator/files/dashboards'
const HEADER = '# Generated from src/api by `make generate`; edit the schema, not this file.\n'
const CHART = 'charts/swarm-operator'
const crds = KINDS.map((kind) => [`${kind.plural}.yaml`, HEADER + dump(toCrd(kind), { lineWidth: -1, noRefs: true })] as const)
const wanted = new Map([
  ...crds.flatMap(([file, text]) => ['crds', 'config/crd'].map((folder) => [`${folder}/${file}`, text] as const)),
  ['docs/api.md', apiDocs(KINDS)],
  [`${CHART}/README.md`, withValues(read(`${CHART}/README.md`) ?? '', read(`${CHART}/values.yaml`) ?? '')],
  ...[fleetDashboard(), operatorDashboard()].map(
    (board) => [`${DASHBOARDS}/${board.uid.replace('swarmops-', '')}.json`, `${JSON.stringify(board, undefined, 2)}\n`] as const,
  ),
])

function read(file: string): string | undefined {
  try {
    return readFileSync(join(ROOT, file), 'utf8')
  } catch {
    return undefined
  }
}

for (const folder of ['crds', 'config/crd', 'docs', DASHBOARDS]) mkdirSync(join(ROOT, folder), { recursive: true })
const stale = [...wanted].filter(([file, text]) => read(file) !== text).map(([file]) => file)
const surplus = ['crds', 'config/crd']
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`))
  .filter((file) => file.endsWith('.yaml') && !file.endsWith('/kustomization.yaml') && !wanted.has(file))

if (process.argv.includes('--check')) {
  const wrong = [...stale, ...surplus]
  if (wrong.length > 0) console.error(`these do not match what they are made from: ${wrong.join(', ')}; run: make generate`)
  process.exitCode = wrong.length > 0 ? 1 : 0
} else {
  for (const file of stale) writeFileSync(join(ROOT, file), wanted.get(file) ?? '')
  console.log(
    stale.length > 0 ? `wrote ${stale.join(', ')}` : 'crds/, docs/api.md, the values of the chart and the dashboards are up to date',
  )
  if (surplus.length > 0) console.log(`no kind for ${surplus.join(', ')}: delete it if it is not needed any more`)
}

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dump } from 'js-yaml'
import { toCrd } from '../src/api/crd.ts'
import { KINDS } from '../src/api/kinds.ts'

// Writes crds/*.yaml from the schemas in src/api; with --check only says whether they are up to date.
const CRDS = join(import.meta.dirname, '../crds')
const HEADER = '# Generated from src/api by `make generate`; edit the schema, not this file.\n'
const wanted = new Map(KINDS.map((kind) => [`${kind.plural}.yaml`, HEADER + dump(toCrd(kind), { lineWidth: -1, noRefs: true })]))

mkdirSync(CRDS, { recursive: true })
const present = new Set(readdirSync(CRDS).filter((file) => file.endsWith('.yaml')))
const stale = [...wanted]
  .filter(([file, text]) => !present.has(file) || readFileSync(join(CRDS, file), 'utf8') !== text)
  .map(([file]) => file)
const surplus = [...present].filter((file) => !wanted.has(file))

if (process.argv.includes('--check')) {
  const wrong = [...stale, ...surplus]
  if (wrong.length > 0) console.error(`crds/ does not match the schemas: ${wrong.join(', ')}; run: make generate`)
  process.exitCode = wrong.length > 0 ? 1 : 0
} else {
  for (const file of stale) writeFileSync(join(CRDS, file), wanted.get(file) ?? '')
  console.log(stale.length > 0 ? `wrote ${stale.map((f) => `crds/${f}`).join(', ')}` : 'crds/ is up to date')
  if (surplus.length > 0) console.log(`no kind for ${surplus.join(', ')}: delete it if it is not needed any more`)
}

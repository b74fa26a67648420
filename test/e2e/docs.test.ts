import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { LocalSystem } from '../support/local-system.ts'
import { inOrder, readPage, type Piece } from '../support/pages.ts'
import { ReadersShell } from '../support/shell.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Away from a local system that a developer may have running, and from those of other tests. */
const OFFSET = 350
const LIMIT_MS = 90_000
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'docs/**/*.md',
  'examples/*/README.md',
  'charts/*/README.md',
  'deploy/**/*.md',
  'config/**/*.md',
]

/** What this machine cannot show, or another test does. */
const REASON = /^(needs (an E2B account|Docker|a cluster of your own|Argo CD|Flux|Prometheus)|takes minutes|run by (\S+))$/

const pages = inOrder(
  PAGES.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
    .sort()
    .map(readPage)
    .filter(({ pieces }) => pieces.some(({ language }) => language === 'sh')),
)

describe('the documentation', function () {
  this.timeout(LIMIT_MS + 10_000)
  const system = new LocalSystem(OFFSET)

  before(async function () {
    this.timeout(300_000)
    const { code, output } = await system.up()
    expect(code, output).to.equal(0)
    system.readEnvironment()
  })
  after(async function () {
    this.timeout(60_000)
    await system.remove()
  })

  for (const { path, pieces } of pages) {
    describe(path, () => {
      let shell: ReadersShell
      before(() => {
        shell = new ReadersShell(system.environment, system.dir)
      })
      after(() => shell.end())
      for (const piece of pieces) define(piece, () => shell)
    })
  }
})

function define(piece: Piece, shell: () => ReadersShell): void {
  const { line, language, text, marks } = piece
  const { file } = marks
  const title = `line ${line}: ${text.split('\n')[0]?.slice(0, 80)}`
  if (file !== undefined) it(`line ${line}: ${file}`, () => shell().save(file, text))
  else if (language !== 'sh') return
  else if (marks['not run'] !== undefined) it(`${title} (not run: ${marks['not run']})`, () => readable(piece))
  else it(title, async () => runs(piece, shell()))
}

/** What is not run is at least a script, and there is a reason. */
function readable({ page, line, text, marks }: Piece): void {
  const [, , , test] =
    REASON.exec(marks['not run'] ?? '') ?? expect.fail(`${page}:${line} is not run, and ${marks['not run']} is no reason`)
  if (test !== undefined) expect(existsSync(join(ROOT, test)), `${test}, which is to run ${page}:${line}`).to.equal(true)
  execFileSync('bash', ['-n'], { input: text })
}

async function runs({ page, line, text, marks }: Piece, shell: ReadersShell): Promise<void> {
  const { code, output } = await shell.run(text, { until: marks['until'], limitMs: LIMIT_MS })
  const where = `${page}:${line} printed\n${output}`
  if ('fails' in marks) expect(code, where).to.not.equal(0)
  else expect(code, where).to.equal(0)
  expect(output, where).to.contain(marks['until'] ?? marks['prints'] ?? '')
  if (marks['prints'] === undefined && !('fails' in marks))
    expect(output, `${where}\nmark it with <!-- prints: … --> if that is meant`).to.not.contain('"code":"')
}

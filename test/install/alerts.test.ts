import { describe, it } from 'mocha'
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { load } from 'js-yaml'
import { RULES } from '../support/monitoring-pages.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROMTOOL = '/usr/bin/promtool'
const ALERTS = RULES.filter(({ isAlert }) => isAlert)
const FILES = globSync('test/install/alerts/*.yaml', { cwd: ROOT }).sort()

type AlertTest = { alertname: string; eval_time: string; exp_alerts?: unknown[] }
const TESTS = FILES.flatMap(
  (file) => (load(readFileSync(join(ROOT, file), 'utf8')) as { tests: { alert_rule_test: AlertTest[] }[] }).tests,
).flatMap((each) => each.alert_rule_test)

async function promtool(...args: string[]): Promise<string> {
  if (!existsSync(PROMTOOL)) throw new Error(`${PROMTOOL} is missing; dev/debian-packages.sh installs it`)
  try {
    const { stdout, stderr } = await promisify(execFile)(PROMTOOL, args, { cwd: ROOT })
    return stdout + stderr
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`, { cause: error })
  }
}

describe('alert rules', function () {
  this.timeout(180_000)

  it('are rules for Prometheus', async () => {
    expect(await promtool('check', 'rules', 'charts/swarm-operator/files/alerts.yaml')).to.contain(`SUCCESS: ${RULES.length} rules found`)
  })

  it('fire above their thresholds, not below, and end', async () => {
    const waiting = [...FILES]
    const work = async () => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift())
        expect(await promtool('test', 'rules', file)).to.contain('SUCCESS')
    }
    await Promise.all(Array.from({ length: availableParallelism() }, work))
  })

  it('have names of their own', () => {
    const names = RULES.map(({ name }) => name)
    expect([...new Set(names)]).to.deep.equal(names)
    expect(ALERTS.length).to.be.at.least(40)
  })

  for (const { name, labels, annotations, after } of ALERTS) {
    it(`${name} is tried, documented, and says what it is about`, () => {
      const tried = TESTS.filter(({ alertname }) => alertname === name).map(({ exp_alerts = [] }) => exp_alerts.length)
      expect(tried, 'quiet, firing, quiet').to.deep.equal([0, 1, 0])
      expect(labels).to.have.keys(['severity'])
      expect(labels['severity']).to.be.oneOf(['critical', 'warning', 'info'])
      expect(annotations).to.have.keys(['summary', 'description', 'runbook_url'])
      expect(annotations['runbook_url']).to.equal(`https://swarmops.dev/docs/runbooks/${name}.md`)
      const page = readFileSync(join(ROOT, `docs/runbooks/${name}.md`), 'utf8')
      const headings = page.split('\n').filter((line) => line.startsWith('#'))
      expect(headings).to.deep.equal([`# ${name}`, '## What to look at', '## What helps'])
      expect(page)
        .to.contain(`\n${labels['severity']?.replace(/^./, (first) => first.toUpperCase())}. `)
        .and.contain('```sh')
      const row = `| [${name}](runbooks/${name}.md) | ${labels['severity']} | ${after} | ${annotations['description']} |`
      expect(readFileSync(join(ROOT, 'docs/monitoring.md'), 'utf8')).to.contain(`\n${row}\n`)
    })
  }

  it('name the swarm and its namespace where they are about one', () => {
    const about = ALERTS.filter(({ expr }) => /\b(namespace, swarm\b|swarmops:(tasks|task_|agents|cost))/.test(expr))
    expect(about.length).to.be.at.least(20)
    const silent = about.filter(
      ({ annotations: { summary = '' } }) => !summary.includes('$labels.namespace') || !summary.includes('$labels.swarm'),
    )
    expect(silent.map(({ name }) => name)).to.deep.equal([])
  })

  it('have runbooks whose commands use what the alert says, and say where', () => {
    const wrong = ALERTS.flatMap(({ name, annotations: { summary = '' } }) => {
      const page = readFileSync(join(ROOT, `docs/runbooks/${name}.md`), 'utf8')
      const unknown = ['namespace', 'swarm'].filter(
        (label) => page.includes(`$${label.toUpperCase()}`) && !summary.includes(`$labels.${label}`),
      )
      const commands = [...page.matchAll(/`(kubectl [^`]*)`/g)].map(([, command = '']) => command)
      const placeless = commands.filter((command) => !/ (-n \$?[A-Za-z-]+|-A)( |$)/.test(command))
      return [...unknown.map((label) => `${name} has no label ${label}`), ...placeless.map((command) => `${name}: ${command}`)]
    })
    expect(wrong).to.deep.equal([])
  })

  it('have no runbook too many', () => {
    const pages = globSync('docs/runbooks/Swarm*.md', { cwd: ROOT }).map((page) => page.replace(/^.*\/(\w+)\.md$/, '$1'))
    expect(pages).to.have.members(ALERTS.map(({ name }) => name))
  })
})

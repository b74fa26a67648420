import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { startPodCluster, type PodCluster } from '../../dev/cluster/pod-cluster.ts'
import { startE2bLocal, type E2bLocal } from '../../dev/e2b-local/server.ts'
import { ensureImage } from '../../dev/image/build.ts'
import { ensureHelm } from '../../dev/tools/helm.ts'
import { readPage } from '../support/pages.ts'
import { ReadersShell } from '../support/shell.ts'
import { eventually } from '../support/wait.ts'

const KEY = 'e2b_quickstart'
const LIMIT_MS = 240_000
const MARK = 'run by test/install/quick-start.test.ts'
const PIECES = readPage('docs/quick-start.md').pieces.filter(({ marks }) => marks['not run'] === MARK)

describe('docs/quick-start.md', function () {
  this.timeout(LIMIT_MS + 30_000)
  let dir: string
  let pods: PodCluster
  let cloud: E2bLocal
  let shell: ReadersShell

  before(async function () {
    this.timeout(900_000)
    const say = (line: string) => console.log(`      ${line}`)
    const helm = await ensureHelm()
    const image = await ensureImage(say)
    dir = mkdtempSync(join(tmpdir(), 'swarm-quick-start-'))
    pods = await startPodCluster({ dir, images: [image.archive], say })
    cloud = await startE2bLocal({ host: pods.machine.addresses.host, apiKey: KEY })
    const environment = { ...process.env, KUBECONFIG: pods.cluster.kubeconfig, IMAGE: 'swarm-operator', E2B_API_KEY: KEY }
    const keyless = {
      ...environment,
      E2B_API_URL: cloud.url,
      E2B_SANDBOX_URL: cloud.url,
      PATH: `${dirname(helm)}:${process.env['PATH'] ?? ''}`,
    }
    shell = new ReadersShell(keyless, dir)
  })
  after(async function () {
    this.timeout(120_000)
    shell?.end()
    await cloud?.stop()
    await pods?.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('has commands', () => expect(PIECES).to.have.length.of.at.least(8))

  for (const { line, text } of PIECES) {
    it(`line ${line}: ${text.split('\n')[0]}`, async () => {
      // The cloud has addresses of its own here.
      const lines = text.replace('--set e2b.existingSecret=e2b', `$& --set e2b.apiUrl=${cloud.url},e2b.sandboxUrl=${cloud.url}`)
      const { code, output } = await shell.run(lines, { limitMs: LIMIT_MS })
      expect(code, output).to.equal(0)
      if (text.includes('curl')) expect(output).to.contain('"output":"hello world"')
      if (text.includes('swarm status hello')) expect(output).to.contain('hello').and.to.contain('AgentReady')
    })
  }

  it('leaves no sandbox', async () => {
    await eventually('all sandboxes have ended', () => cloud.admin.sandboxes().length === 0, { timeoutMs: 30_000 })
  })
})

import { dirname } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ensureHelm } from '../../dev/tools/helm.ts'
import { ChartInstallation } from '../support/installed-chart.ts'
import { readPage } from '../support/pages.ts'
import { ReadersShell } from '../support/shell.ts'
import { eventually } from '../support/wait.ts'

const PAGES = ['README.md', 'docs/installation.md', 'charts/swarm-operator/README.md']
const HERE = 'run by test/install/commands.test.ts'
const LIMIT_MS = 60_000

for (const path of PAGES) {
  describe(`commands of ${path}`, function () {
    this.timeout(LIMIT_MS + 10_000)
    let chart: ChartInstallation
    let shell: ReadersShell
    before(async () => {
      chart = await ChartInstallation.start()
      const PATH = `${dirname(await ensureHelm())}:${process.env['PATH']}`
      shell = new ReadersShell({ PATH, KUBECONFIG: chart.cluster.kubeconfig, E2B_API_KEY: 'e2b_of_a_reader' }, chart.dir)
    })
    after(async () => {
      shell.end()
      await chart.stop()
    })

    /** A reader takes one way of several; here all are gone one after the other, so what an earlier one has made goes first. */
    const makeRoom = async (text: string) => {
      const { namespace } = chart
      if (/helm install|kubectl apply .*-k/.test(text)) await chart.helm('uninstall', '--wait', '--ignore-not-found')
      if (text.includes('create secret generic')) {
        await chart.kubectl('-n', namespace, 'delete', 'secret', 'e2b', '--ignore-not-found')
      }
    }

    for (const { line, text } of readPage(path).pieces.filter((piece) => piece.marks['not run'] === HERE))
      it(`line ${line}: ${text.split('\n')[0]}`, async () => {
        await makeRoom(text)
        const { code, output } = await shell.run(text, { limitMs: LIMIT_MS })
        expect(code, output).to.equal(0)
        if (!/helm install|apply .*-k/.test(text)) return
        await eventually('its pods are made', async () =>
          /operator-\w+-\w+/.test(await chart.kubectl('-n', chart.namespace, 'get', 'pods')),
        )
      })
  })
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { load } from 'js-yaml'
import { CHART, helm, setValues } from '../support/helm.ts'

describe('chart', function () {
  this.timeout(15 * 60_000) // the first run builds Helm

  it('passes helm lint --strict', async () => {
    for (const values of [{}, { 'evaluation.insecure': 'true', 'e2bLocal.enabled': 'true' }]) {
      const { code, stdout, stderr } = await helm(['lint', '--strict', CHART, ...setValues(values)])
      expect(code, stdout + stderr).to.equal(0)
    }
  })

  it('has the version of the program', () => {
    const { version } = JSON.parse(readFileSync(join(CHART, '../../package.json'), 'utf8')) as { version: string }
    const chart = load(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string }
    expect([chart.version, chart.appVersion]).to.deep.equal([version, version])
  })
})

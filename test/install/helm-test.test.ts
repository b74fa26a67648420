import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { SECRETS } from '../../src/kube/objects.ts'
import { selfSigned } from '../support/certificate.ts'
import { CHART, setValues } from '../support/helm.ts'
import { ChartInstallation } from '../support/installed-chart.ts'
import { Program } from '../support/programs.ts'
import { System } from '../support/system.ts'
import { eventually } from '../support/wait.ts'

const MINUTE_MS = 60_000

describe('helm test', function () {
  this.timeout(3 * MINUTE_MS)
  let chart: ChartInstallation
  let system: System
  const programs: Program[] = []
  before(async () => {
    chart = await ChartInstallation.start()
    const task = (namespace: string) => ({ 'test.task.swarm': 'desk', 'test.task.namespace': namespace, 'test.task.input.city': 'Bern' })
    const options = { kubeconfig: chart.cluster.kubeconfig, e2b: { light: true }, router: true }
    system = await System.start({ ...options, install: chart.asInstalled(task) })
    await system.apply('desk', {})
    await system.settled('desk')
  })
  after(async () => {
    for (const program of programs) await program.stop()
    await system.stop()
    await chart.stop()
  })

  const ask = async (operator: Program | undefined, router: Program | undefined) =>
    chart.helmTest({ operator: operator?.port ?? 0, router: router?.port ?? 0 })

  it('finds operator and router ready, and has a task done', async () => {
    const { code, output } = await ask(system.operator, system.router)
    expect(code, output).to.equal(0)
    expect(output).to.match(/ok: the router is ready[^]*ok: the operator is ready[^]*ok: swarm t-\w+\/desk has done a task/)
  })

  it('says what is wrong', async () => {
    const { code, output } = await ask(system.router, system.operator)
    expect(code).to.equal(1)
    expect(output).to.match(/failed: the task got 405: only GET/)
  })

  it('does so by TLS, too, with which operator and routers speak with each other, and with tokens for them alone', async () => {
    await system.operator?.stop()
    for (const component of ['operator', 'router'] as const) {
      const { cert, key } = selfSigned(`swarm-operator-${component}.${chart.namespace}.svc`)
      const secret = { metadata: { name: `${component}-tls`, namespace: chart.namespace }, stringData: { 'tls.crt': cert, 'tls.key': key } }
      await chart.client.apply(SECRETS, secret, { fieldManager: 'test', force: true })
    }
    const tls = (component: string) => ({ [`${component}.tls.existingSecret`]: `${component}-tls`, [`${component}.tls.caKey`]: 'tls.crt' })
    const audience = { 'auth.audiences[0]': 'swarm' }
    await chart.helm('upgrade', CHART, '--reuse-values', ...setValues({ ...tls('operator'), ...tls('router'), ...audience }))
    const router = await Program.start(await chart.program('router'))
    await chart.endpoint(router.port)
    const operator = await Program.start(await chart.program('operator'))
    programs.push(operator, router)
    await eventually(
      'the operator hears the router',
      () => operator.log.includes(`:${router.port}","`) && operator.log.includes('"router connected"'),
    )
    const { code, output } = await ask(operator, router)
    expect(code, output).to.equal(0)
    expect(output).to.match(/ready at https:.*[^]*ready at https:.*[^]*has done a task/)
  })
})

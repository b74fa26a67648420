import { setTimeout as sleep } from 'node:timers/promises'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { countsText, growth, providerUsageOf, totalOf, usageOf, type ProviderUsage, type Usage } from './support/cost.ts'

/** Time that a fleet gets to come to rest before it is looked at. Milliseconds. */
const CALM_MS = 5_000

export const operatorIdle: Benchmark = {
  name: 'operator-idle',
  what: 'Operator and router with many ready agents while nothing happens.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, signal, say } = context
  const { swarms, agents, seconds } = quick ? { swarms: 2, agents: 10, seconds: 5 } : { swarms: 10, agents: 100, seconds: 30 }
  const bed = await Bed.start(context, { isLight: true, createLatency: '150ms', hasRouter: true })
  const names = Array.from({ length: swarms }, (_, i) => `desk-${i}`)
  await Promise.all(names.map((name) => bed.apply(name, agents)))
  await bed.haveReady(names, agents)
  say(`${swarms * agents} agents are ready`)
  await sleep(quick ? CALM_MS / 5 : CALM_MS, undefined, { signal })
  const from = performance.now()
  const before = await lookAt(bed)
  await sleep(seconds * 1000, undefined, { signal })
  const after = await lookAt(bed)
  const took = (performance.now() - from) / 1000
  const perSecond = (what: string, count: number, note?: string): Figure => ({
    name: what,
    unit: '/s',
    value: count / took,
    ...(note && { note }),
  })
  const { api, sandbox } = after.provider
  const sandboxNote = 'by design: 50 checks a second by the operator, one of each agent every 30 s by a router'
  return [
    { name: 'agents', unit: '', value: swarms * agents },
    ...programFigures('operator', { before, after }, took),
    ...programFigures('router', { before, after }, took),
    perSecond('requests to the provider API', api - before.provider.api),
    perSecond('requests into sandboxes', sandbox - before.provider.sandbox, sandboxNote),
  ]
}

type Look = { readonly operator: Usage; readonly router: Usage; readonly provider: ProviderUsage }

async function lookAt({ operator, router, e2b }: Bed): Promise<Look> {
  if (!router) throw new Error('there is no router to look at')
  const [ofOperator, ofRouter, provider] = await Promise.all([usageOf(operator), usageOf(router), providerUsageOf(e2b)])
  return { operator: ofOperator, router: ofRouter, provider }
}

function programFigures(program: 'operator' | 'router', looks: { readonly before: Look; readonly after: Look }, seconds: number): Figure[] {
  const [before, after] = [looks.before[program], looks.after[program]]
  const requests = growth(before.apiRequests, after.apiRequests)
  const kinds = countsText(requests, seconds)
  return [
    { name: `${program}: CPU`, unit: '% of a core', value: ((after.cpuSeconds - before.cpuSeconds) * 100) / seconds },
    { name: `${program}: RSS`, unit: 'MB', value: after.residentBytes / 1e6 },
    {
      name: `${program}: requests to the API server`,
      unit: '/s',
      value: totalOf(requests) / seconds,
      note: `without the lease${kinds && `: ${kinds}`}`,
    },
  ]
}

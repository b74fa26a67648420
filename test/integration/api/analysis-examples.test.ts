import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { load, loadAll } from 'js-yaml'
import { BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT } from '../../../src/api/kinds.ts'
import { Api } from './harness.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/rollouts.md'), 'utf8')

/** The examples of these chapters, by the heading that they stand under. */
function examplesOf(chapters: readonly string[]): { heading: string; yaml: unknown }[] {
  const examples: { heading: string; yaml: unknown }[] = []
  for (const chapter of PAGE.split(/^## /m).filter((text) => chapters.some((name) => text.startsWith(`${name}\n`))))
    for (const part of chapter.split(/^### /m))
      for (const [, text = ''] of part.matchAll(/^```yaml\n(.*?)^```/gms))
        examples.push({ heading: part.split('\n', 1)[0] ?? '', yaml: load(text) })
  return examples
}

/** The whole manifests of rollouts on the page. */
const manifests = [...PAGE.matchAll(/^```yaml\n(.*?)^```/gms)]
  .flatMap(([, text = '']) => loadAll(text))
  .flatMap((yaml) =>
    [CANARY_ROLLOUT, BLUE_GREEN_ROLLOUT].map((kind) => ({ kind, object: Object(yaml) as { kind?: string; spec?: unknown } })),
  )
  .filter(({ kind, object }) => object.kind === kind.kind)

describe('the examples of docs/rollouts.md', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  const examples = examplesOf(['Analysis', 'Warm-up'])
  it('are found', () => expect(examples.length).to.be.at.least(6))
  for (const { heading, yaml } of examples)
    it(`are taken by the API server: ${heading}`, async () => {
      const isWarmUp = typeof yaml === 'object' && yaml !== null && 'warmUp' in yaml
      const spec = Array.isArray(yaml) ? { analysis: { metrics: yaml } } : { ...Object(yaml) }
      expect(await api.tryKind(isWarmUp ? BLUE_GREEN_ROLLOUT : CANARY_ROLLOUT, { swarm: 'desk', ...spec })).to.deep.equal({
        code: 201,
        told: [],
      })
    })

  it('include whole manifests of both kinds', () =>
    expect(manifests.map(({ kind }) => kind.kind)).to.include.members(['CanaryRollout', 'BlueGreenRollout']))
  for (const [i, { kind, object }] of manifests.entries())
    it(`are taken by the API server: manifest ${i + 1}, a ${kind.kind}`, async () =>
      expect(await api.tryKind(kind, object.spec)).to.deep.equal({ code: 201, told: [] }))
})

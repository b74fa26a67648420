import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer } from './agents.ts'
import { STAGES, holding, makeRing, stageAgent } from './ring.ts'
import type { Reply } from './router-process.ts'
import { useRouter } from './suite.ts'
import { makeTeam } from './team.ts'

const TESTERS = { revision: 'r2', header: 'X-Tester', value: 'yes' }
const AS_TESTER = { headers: { 'x-tester': 'yes' } }

describe('testers', () => {
  const suite = useRouter()

  const healthy = (name: string, count: number) => suite.healthy(name, count)
  const told = async (name: string) => {
    await suite.fleet.tell(name, { testers: TESTERS })
    await suite.router.sees(name, 'the testers', ({ testers }) => testers?.revision === 'r2')
  }
  const asTester = (name: string, body: object = { input: {} }) => suite.router.task(name, body, AS_TESTER)
  const revisionOf = ({ status, body }: Reply) => (status === 200 ? body.revision : body.detail)

  /** One agent of each revision; all weight is with the old one. */
  async function pair(name: string, routing: object = {}) {
    await suite.fleet.swarm(name, { routing })
    const old = await suite.fleet.agent(name, `${name}-old`)
    const fresh = await suite.fleet.agent(name, `${name}-new`, { revision: 'r2' })
    await healthy(name, 2)
    await told(name)
    return { old, fresh }
  }

  it('get the new revision whatever its weight, and nobody else does', async () => {
    await pair('header')
    expect(revisionOf(await asTester('header'))).to.equal('r2')
    expect(revisionOf(await asTester('header', { input: 1, sessionKey: 'k' }))).to.equal('r2')
    for (const headers of [{}, { 'x-tester': 'no' }, { 'x-tester': 'yes, yes' }] as Record<string, string>[])
      expect(revisionOf(await suite.router.task('header', { input: 1 }, { headers }))).to.equal('r1')
    const both = { ...AS_TESTER.headers, 'swarm-revision': 'r1' }
    expect(revisionOf(await suite.router.task('header', { input: 1 }, { headers: both }))).to.equal('r1')
    const { testers } = await suite.router.view('header')
    expect(testers).to.deep.equal({ revision: 'r2', header: 'x-tester' })
    await suite.fleet.tell('header', { testers: null })
    await suite.router.sees('header', 'no testers', (view) => view.testers === undefined)
    expect(revisionOf(await asTester('header'))).to.equal('r1')
  })

  it('go the way of others while no agent of the revision is ready', async () => {
    await pair('none')
    await suite.fleet.setReady('none-new', false)
    await healthy('none', 1)
    expect(revisionOf(await asTester('none'))).to.equal('r1')
  })

  it('wait for the revision while it is busy, and go the way of others when it is gone meanwhile', async () => {
    await suite.fleet.swarm('busy', { template: { maxConcurrentTasks: 1 } })
    await suite.fleet.agent('busy', 'busy-old')
    const fresh = await suite.fleet.agent('busy', 'busy-new', { revision: 'r2' })
    await healthy('busy', 2)
    await told('busy')
    const { held, release } = holding(fresh)
    const first = asTester('busy')
    await eventually('the agent has the first task', () => held.length === 1)
    const second = asTester('busy')
    await suite.router.sees('busy', 'a task that waits', ({ queue }) => queue.length === 1)
    expect(revisionOf(await suite.router.task('busy'))).to.equal('r1')
    await suite.fleet.drain('busy-new')
    expect(revisionOf(await second)).to.equal('r1')
    release()
    expect(revisionOf(await first)).to.equal('r2')
  })

  it('are answered by others when the only agent of the revision is lost, or its circuit opens', async () => {
    const { fresh } = await pair('lost')
    await fresh.kill()
    expect(revisionOf(await asTester('lost'))).to.equal('r1')
    const broken = await pair('open', { circuitBreaker: { consecutiveFailures: 1, openFor: '60s' } })
    broken.fresh.work = (_task, response) => answer(response, 500, {})
    expect(revisionOf(await asTester('open'))).to.equal('r1')
    expect(broken.fresh.received).to.have.length(1)
  })

  it('go the way of others as soon as the guard has tripped', async () => {
    const { fresh } = await pair('tripped', { circuitBreaker: { consecutiveFailures: 100 } })
    const guard = { run: 'g', revision: 'r2', stable: 'r1', maxErrorPercent: 0, minSamples: 2, window: '60s' }
    await suite.fleet.guard('tripped', guard)
    await suite.router.sees('tripped', 'the guard', (view) => view.guard?.run === 'g')
    fresh.work = (_task, response) => answer(response, 500, {})
    for (let i = 0; i < 3; i++) expect(revisionOf(await asTester('tripped'))).to.equal('r1')
    expect(fresh.received).to.have.length(2)
  })

  it('get a ring of the revision when all stages have it, and no mix otherwise', async () => {
    await makeRing(suite, 'ring', { agents: { score: 1 } })
    await told('ring')
    const revisions = async () => (await asTester('ring')).body.stages?.map(({ revision }) => revision)
    await stageAgent(suite.fleet, 'ring', { group: 'clean', number: 1, revision: 'r2' })
    await healthy('ring', 4)
    expect(await revisions()).to.deep.equal(['r1', 'r1', 'r1'])
    for (const group of STAGES.slice(1)) await stageAgent(suite.fleet, 'ring', { group, number: 1, revision: 'r2' })
    await healthy('ring', 6)
    expect(await revisions()).to.deep.equal(['r2', 'r2', 'r2'])
  })

  it('get a vote of the revision when it has enough voters', async () => {
    await suite.fleet.swarm('vote', { routing: { strategy: 'Consensus', consensus: { voters: 3 } } })
    await told('vote')
    const voter = async (number: number, revision: string) => {
      const agent = await suite.fleet.agent('vote', `vote-${number}`, { revision, isReady: false })
      agent.work = (_task, response) => answer(response, 200, { output: { choice: revision } })
      await suite.fleet.setReady(agent.name, true)
      await healthy('vote', number)
    }
    for (const [i, revision] of ['r1', 'r1', 'r1', 'r2'].entries()) await voter(i + 1, revision)
    expect(revisionOf(await asTester('vote'))).to.equal('r1')
    await voter(5, 'r2')
    expect(revisionOf(await asTester('vote'))).to.equal('r2')
  })

  it('get a leader and workers of the revision when it has both', async () => {
    const { workers } = await makeTeam(suite.fleet, 'team', { leaders: 1, workers: 1 })
    await healthy('team', 2)
    await told('team')
    await suite.fleet.agent('team', 'team-w9', { group: 'count', place: 9, revision: 'r2' })
    await healthy('team', 3)
    expect(revisionOf(await asTester('team', { input: 1, capability: 'count' }))).to.equal('r1')
    await suite.fleet.agent('team', 'team-l9', { group: 'lead', place: 9, revision: 'r2' })
    await healthy('team', 4)
    expect(revisionOf(await asTester('team', { input: 1, capability: 'count' }))).to.equal('r2')
    expect(revisionOf(await asTester('team'))).to.equal('r2')
    expect(workers[0]?.received).to.have.length(1)
  })
})

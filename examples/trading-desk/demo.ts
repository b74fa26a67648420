import { relative } from 'node:path'
import { Sandbox } from 'e2b'
import { agentsOf, isReady } from '../support/agents.ts'
import { SwarmClient } from '../support/client.ts'
import { RolloutWatch, seenOf } from '../support/rollout.ts'
import { readPrices, tasksFrom } from '../support/series.ts'
import { kubectl, show, step, until } from '../support/shell.ts'
import { revisions, shares, summary } from '../support/tables.ts'

// The tour of the product that `make demo` gives. It uses what a user would: kubectl, the task API, and E2B's own package.
const router = process.env['SWARM_ROUTER_URL']
if (!router || !process.env['KUBECONFIG'] || !process.env['E2B_API_KEY']) {
  throw new Error('start the system first: make up, then: . .dev/env')
}
const here = import.meta.dirname
const desk = new SwarmClient(router, 'desk')
const specialists = new SwarmClient(router, 'specialists')
const special = tasksFrom(readPrices(), 400)
const tasks = special.map(({ input }) => ({ input }))
const failures: string[] = []

const check = (isGood: boolean, what: string) => {
  console.log(`  ${isGood ? '✓' : '✗'} ${what}`)
  if (!isGood) failures.push(what)
}

const rollouts = relative(process.cwd(), `${here}/rollouts.yaml`)
await kubectl('delete', '-f', rollouts, '--ignore-not-found') // those of an earlier tour

step('1  Apply the manifests and wait until the agents are ready')
await show('apply', '-k', relative(process.cwd(), here))
await show('wait', 'swarm/desk', 'swarm/specialists', '--for=condition=Ready', '--timeout=120s')
await show('get', 'swarms,agents')

step(`2  Send ${tasks.length} tasks: monthly prices of five real shares, three strategies`)
const first = await desk.askAll(tasks)
console.log('\n  Some of the answers:')
for (const answer of first.slice(0, 5)) console.log(`  ${answer.agent.padEnd(16)} ${JSON.stringify(answer.output)}`)
console.log(`\n  Share of each agent:\n${shares(first)}\n\n${summary(first)}`)
check(
  first.every((a) => a.ok),
  'every task was done',
)
const asked = await specialists.askAll(special.slice(0, 120))
console.log(`\n  With a capability, tasks reach only the group that has it:\n${shares(asked)}`)
check(
  asked.every(({ ok, body }, i) => ok && body.group && special[i]?.capability.endsWith(body.group)),
  'every task found an agent with its capability',
)

step('3  Kill a sandbox while tasks are running')
const load = desk.keepAsking(tasks, 8)
await until('tasks are running', () => (load.answers.length > 200 ? true : undefined))
const [victim] = (await agentsOf('desk')).filter(isReady)
const sandboxId = victim?.status?.sandbox?.id ?? ''
console.log(`  killing sandbox ${sandboxId} of agent ${victim?.metadata.name} at the provider, behind the operator's back`)
const before = new Set((await agentsOf('desk')).map((a) => a.metadata.name))
const killedAt = Date.now()
await Sandbox.kill(sandboxId)
const successor = await until('a replacement is ready', async () => {
  const agents = await agentsOf('desk')
  const fresh = agents.find((a) => !before.has(a.metadata.name) && isReady(a))
  return agents.some((a) => a.metadata.name === victim?.metadata.name) ? undefined : fresh
})
console.log(
  `  agent ${successor.metadata.name} took its place and was ready ${((Date.now() - killedAt) / 1000).toFixed(1)} s after the kill`,
)
const during = await load.stop()
console.log(summary(during))
check(
  during.every((a) => a.ok),
  'no task was lost',
)
await show('get', 'events', '--field-selector', 'involvedObject.kind=Swarm,involvedObject.name=desk')

step('4  Scale with kubectl')
await show('scale', 'swarm/desk', '--replicas=10')
await until('10 agents are ready', async () => ((await agentsOf('desk')).filter(isReady).length === 10 ? true : undefined))
await show('get', 'swarm', 'desk')
await show('scale', 'swarm/desk', '--replicas=4')
const downLoad = desk.keepAsking(tasks, 8)
await until('4 agents are left', async () => ((await agentsOf('desk')).length === 4 ? true : undefined))
const down = await downLoad.stop()
await show('get', 'swarm', 'desk')
console.log(summary(down))
check(
  down.every((a) => a.ok),
  'no task was lost while agents left',
)

step('5  Change the template: a rolling update under load')
const rolling = desk.keepAsking(tasks, 8)
await show('patch', 'swarm', 'desk', '--type=merge', '-p', '{"spec":{"template":{"env":[{"name":"LOOKBACK","value":"6"}]}}}')
await until('the update has begun', async () => (rolling.answers.length > 0 ? true : undefined))
type SwarmSeen = {
  metadata: { generation: number }
  status?: {
    observedGeneration?: number
    currentRevision?: string
    updateRevision?: string
    updatedReplicas?: number
    traffic?: { revision: string; percent: number }[]
  }
}
let told = ''
await until('all agents are of the new revision', async () => {
  const { metadata, status } = JSON.parse(await kubectl('get', 'swarm', 'desk', '-o', 'json')) as SwarmSeen
  const line = (status?.traffic ?? []).map((t) => `${t.revision} ${t.percent} %`).join(', ')
  if (line !== told) console.log(`  traffic: ${line}`)
  told = line
  const isSeen = status?.observedGeneration === metadata.generation
  return isSeen && status?.currentRevision === status?.updateRevision && status?.updatedReplicas === 4 ? true : undefined
})
const rolled = await rolling.stop()
console.log(`${summary(rolled)}\n  ${revisions(rolled)}`)
check(
  rolled.every((a) => a.ok),
  'no task was lost during the update',
)
const [after] = await desk.askAll(tasks.slice(0, 1))
check((after?.output as { lookback?: number } | undefined)?.lookback === 6, 'the new agents use the new LOOKBACK')

step('6  A canary: a good change is tried out on some tasks first')
await show('apply', '-f', rollouts)
await show('wait', 'canaryrollout/desk', 'bluegreenrollout/specialists', '--for=condition=Ready', '--timeout=60s')
const canary = new RolloutWatch('canaryrollout/desk')
const trying = desk.keepAsking(tasks, 4)
const { targetRevision: good } = await canary.release('desk', 'LOOKBACK', '9')
const promoted = await canary.end()
const tried = await trying.stop()
console.log(`${summary(tried)}\n  ${revisions(tried)}`)
check(promoted.state.stableRevision === good, `it was promoted ${(promoted.afterMs / 1000).toFixed(1)} s after the change`)
check(
  tried.every((a) => a.ok),
  'no task was lost',
)

step('7  A bad change goes back by itself: an empty LOOKBACK breaks one of the strategies')
const failing = desk.keepAsking(tasks, 4)
await canary.release('desk', 'LOOKBACK', '')
const { state: aborted } = await canary.end()
const failed = await failing.stop()
const bad = await seenOf('desk', aborted.targetRevision, failed)
console.log(`  ${aborted.failure?.reason}: ${aborted.failure?.message}\n${summary(failed)}`)
check(
  aborted.activity === 'Aborted' && aborted.stableRevision === good,
  `${bad.failed} of its ${bad.attempts} attempts had failed; it got its last task ${bad.lastAfterMs.toFixed(0)} ms after the first failure`,
)
check(
  failed.every((a) => a.ok),
  'no task was lost: others did what it failed',
)
await show('get', 'canaryrollout', 'desk')
console.log('\n  Set back to what is stable, there is nothing to roll out:')
await canary.release('desk', 'LOOKBACK', '9')
await canary.end()
await canary.stop()

step('8  Blue-green: new agents come up beside the old ones, and wait for approval')
const blueGreen = new RolloutWatch('bluegreenrollout/specialists')
const moving = specialists.keepAsking(special, 4)
const { targetRevision: green } = await blueGreen.release('specialists', 'LOOKBACK', '9')
await blueGreen.until('it waits for approval', (_, { step: at }) => at?.includes('pause until promoted') ?? false)
await show('get', 'agents', '-l', 'swarmops.dev/swarm=specialists')
const preview = await specialists.ask(special[0] ?? { input: {} }, { revision: green })
console.log(`\n  A preview with the header Swarm-Revision: ${green}\n  ${JSON.stringify(preview.output)}`)
await blueGreen.ask('Promote')
const moved = await blueGreen.end()
const all = await moving.stop()
await blueGreen.stop()
console.log(`${summary(all)}\n  ${revisions(all)}`)
check(
  moved.state.stableRevision === green,
  `it had all tasks ${(moved.afterMs / 1000).toFixed(1)} s after the approval; blue stays for 10 s`,
)
check(
  all.every((a) => a.ok),
  'no task was lost',
)

await Promise.all([desk.close(), specialists.close()])
step(failures.length === 0 ? 'Done: everything above is real and still running' : `${failures.length} checks failed`)
console.log(`
  Try next:
    . .dev/env                                            # KUBECONFIG and the addresses
    kubectl get swarms,agents -o wide
    kubectl explain swarm.spec.template
    kubectl describe swarm desk
    curl -s $SWARM_ROUTER_URL/v1/namespaces/default/swarms/desk
    curl -s $SWARM_ROUTER_URL/v1/namespaces/default/swarms/desk/tasks -d '{"input":{"strategy":"momentum","symbol":"X","prices":[1,2,3,4,5,6,7,8]}}'
    kubectl scale swarm/desk --replicas=2
    kubectl get canaryrollouts,bluegreenrollouts -o wide
    kubectl delete -f examples/trading-desk/rollouts.yaml # the swarms then have rolling updates again
    kubectl delete -k examples/trading-desk               # agents and sandboxes go with it
    make down                                             # ends everything
`)
process.exitCode = failures.length === 0 ? 0 : 1

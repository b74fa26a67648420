/** Agents that answer by their variable MODE; `bad` ones fail each task. */
const AGENT = `
import { createServer } from 'node:http'
createServer((request, response) => {
  const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (request.url === '/health') return answer(200, {})
  request.resume().on('end', () => (process.env.MODE.startsWith('bad') ? answer(500, { error: 'bad' }) : answer(200, { output: process.env.MODE })))
}).listen(Number(process.env.PORT))
`

const indent = (text: string, by: number) =>
  text
    .trim()
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n')

/** A Swarm `desk` of which no manifest says how many agents it has. */
export const swarmOf = (mode: string) => `
apiVersion: swarmops.dev/v1alpha1
kind: Swarm
metadata: { name: desk }
spec:
  template:
    sandboxTemplate: base
    command: [node, agent.mjs]
    env: [{ name: MODE, value: ${mode} }]
    files: [{ path: agent.mjs, configMapKeyRef: { name: desk-agents, key: agent.mjs } }]
`

/** The rollout of \`desk\`, with steps besides the first weight and what is measured at it. */
export const rolloutOf = (...steps: readonly string[]) => `
apiVersion: swarmops.dev/v1alpha1
kind: CanaryRollout
metadata: { name: desk }
spec:
  swarm: desk
  steps:
    - setWeight: 25
    - analysis: { metrics: [{ name: errors, errorRate: { maxPercent: 10 }, interval: 250ms, count: 4 }] }
${steps.map((step) => `    - ${step}\n`).join('')}  guard: { maxErrorPercent: 10, minSamples: 5, window: 30s }
  scaleDownDelay: 0s
  abortScaleDownDelay: 0s
`

/** A directory of agents: the rollout waits for a person, and a ScalingPolicy has the replicas of the group \`pairs\` of \`team\`. */
export const MANIFESTS = {
  'desk/agents.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: desk-agents }\ndata:\n  agent.mjs: |\n${indent(AGENT, 4)}\n`,
  'desk/rollout.yaml': rolloutOf('pause: {}'),
  'desk/team.yaml': `
apiVersion: swarmops.dev/v1alpha1
kind: Swarm
metadata: { name: team }
spec:
  groups:
    - { name: momentum, replicas: 1, capabilities: [momentum] }
    - { name: pairs, capabilities: [pairs] }
  template:
    sandboxTemplate: base
    command: [node, agent.mjs]
    env: [{ name: MODE, value: team }]
    files: [{ path: agent.mjs, configMapKeyRef: { name: desk-agents, key: agent.mjs } }]
---
apiVersion: swarmops.dev/v1alpha1
kind: ScalingPolicy
metadata: { name: pairs }
spec:
  target: { swarm: team, group: pairs }
  minReplicas: 2
  maxReplicas: 3
  metrics: [{ name: load, type: InFlightPerAgent, target: { value: 2 } }]
`,
}

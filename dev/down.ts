import { existsSync, rmSync } from 'node:fs'
import { stopKind } from './cluster/kind.ts'
import { withLock } from './cluster/lock.ts'
import { stopControlPlane } from './cluster/control-plane.ts'
import { COMPONENTS_TO_END, end } from './components.ts'
import { CLUSTER_DIR, DEV_DIR, ENV_FILE, LOCK_FILE } from './env.ts'

// Ends exactly what `make up` started, as far as it still runs. State stays in .dev; `make clean` removes it.

function say(line: string): void {
  console.log(`[down] ${line}`)
}

async function down(): Promise<void> {
  let ended = 0
  const note = (name: string, wasRunning: boolean) => {
    if (!wasRunning) return
    ended++
    say(`ended ${name}`)
  }
  for (const name of COMPONENTS_TO_END) note(name, await end(name))
  note('the control plane', await stopControlPlane(CLUSTER_DIR))
  note('the kind cluster', await stopKind(CLUSTER_DIR))
  rmSync(ENV_FILE, { force: true })
  if (ended === 0) say('nothing was running')
}

if (existsSync(DEV_DIR)) await withLock(LOCK_FILE, down, (pid) => say(`waiting for another \`make up\` or \`make down\` (pid ${pid})`))
else say('nothing was running')

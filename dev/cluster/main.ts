import { ensureControlPlaneBinaries } from './binaries.ts'
import { buildControlPlane } from './build.ts'

const say = (line: string) => console.log(line)

const command = process.argv[2] ?? ''
switch (command) {
  case 'build':
    say(`the control plane is in ${await buildControlPlane(say)}`)
    break
  case 'ensure': {
    const source = await ensureControlPlaneBinaries(say)
    say(`control plane: ${'directory' in source ? source.directory : 'context' in source ? `context ${source.context}` : 'kind'}`)
    break
  }
  default:
    console.error(
      'usage: node dev/cluster/main.ts build|ensure\n  build    build it from Go modules if it is not in the cache\n  ensure   build it only if there is no other',
    )
    process.exitCode = 2
}

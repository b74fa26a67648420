import { ensureControlPlaneBinaries } from '../cluster/binaries.ts'
import { ensureNodePrograms } from '../cluster/node-programs.ts'
import { ensureImage } from '../image/build.ts'
import { ensureArgoCd } from './argo-cd.ts'
import { ensureHelm } from './helm.ts'

// Builds whatever the tests of installation need and the cache has not, before any of their clocks runs.

const say = (line: string) => console.log(`[programs] ${line}`)

await ensureControlPlaneBinaries(say)
await ensureHelm(say)
await ensureNodePrograms(say)
await ensureArgoCd(say)
await ensureImage(say)

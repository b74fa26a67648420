// An agent of a pipeline of two stages: STAGE says which one it is, RELEASE which release of the program.
import { RELEASES } from './releases.mjs'
import { serve } from './serve.mjs'

const release = process.env.RELEASE ?? 'r1'
const work = RELEASES[release]?.[process.env.STAGE]
if (!work)
  throw new Error(`there is no stage ${process.env.STAGE} in release ${release}; RELEASE is one of ${Object.keys(RELEASES).join(', ')}`)

serve({ work: (input) => work(input) })

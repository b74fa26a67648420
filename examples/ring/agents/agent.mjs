// One stage of the pipeline: its input is what the stage before it has answered.
import { clean } from './clean.mjs'
import { features } from './features.mjs'
import { risk } from './risk.mjs'
import { serve } from './serve.mjs'
import { signal } from './signal.mjs'

const STAGES = { clean, features, signal, risk }
const stage = STAGES[process.env.STAGE]
if (!stage) throw new Error(`STAGE must be one of ${Object.keys(STAGES).join(', ')}`)

serve({ work: stage })

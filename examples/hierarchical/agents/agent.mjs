// One program for managers and analysts: who leads plans and merges, the others compute.
import { merge, plan } from './manager.mjs'
import { badInput, serve } from './serve.mjs'
import { momentum, pairs } from './signals.mjs'

const SIGNALS = { momentum, pairs }

serve({
  plan,
  merge,
  work(input, { capability }) {
    const signal = SIGNALS[capability]
    if (!signal) throw badInput(`an analyst computes ${Object.keys(SIGNALS).join(' or ')}, not ${capability}`)
    return { ...signal(input), by: process.env.SWARM_AGENT }
  },
})

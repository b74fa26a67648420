// One program for hub and spokes: the hub asks for reports and merges them, a spoke reports on its own book.
import { report } from './book.mjs'
import { merge, plan } from './hub.mjs'
import { serve } from './serve.mjs'

serve({ plan, merge, work: report })

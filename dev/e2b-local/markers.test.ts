import { expect } from 'chai'
import { describe, it } from 'mocha'
import { markIn } from './markers.ts'

describe('markIn', () => {
  const mark = { serverId: 's1', sandboxId: 'i2' }
  const cases: Record<string, [environment: string, want: object | undefined]> = {
    'finds the only one': ['E2B_LOCAL_SANDBOX=s1/i2', mark],
    'finds one between NULs': ['A=b\0E2B_LOCAL_SANDBOX=s1/i2\0C=d\0', mark],
    'finds one between spaces, as ps prints it': ['sleep 1 A=b E2B_LOCAL_SANDBOX=s1/i2 C=d', mark],
    'finds none': ['A=b\0C=d', undefined],
    'finds none in nothing': ['', undefined],
    'is not misled by a longer name': ['MY_E2B_LOCAL_SANDBOX=s1/i2', undefined],
    'is not misled by another form': ['E2B_LOCAL_SANDBOX=s1/i2/x', undefined],
    'is not misled by an empty one': ['E2B_LOCAL_SANDBOX=', undefined],
  }
  for (const [name, [environment, want]] of Object.entries(cases)) it(name, () => expect(markIn(environment)).to.deep.equal(want))
})

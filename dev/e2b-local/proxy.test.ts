import { expect } from 'chai'
import { describe, it } from 'mocha'
import { forwarded } from './proxy.ts'

describe('forwarded', () => {
  const cases: Record<string, [headers: string[], want: string[]]> = {
    'keeps what is for the program, as it was written': [
      ['Host', 'x', 'X-Own', 'a', 'x-own', 'b'],
      ['Host', 'x', 'X-Own', 'a', 'x-own', 'b'],
    ],
    'drops what is for one connection': [['Connection', 'close', 'Keep-Alive', '5', 'Upgrade', 'h2c', 'TE', 'trailers'], []],
    'drops what is for the way to it': [['E2B-Sandbox-Id', 'i', 'e2b-sandbox-port', '1', 'E2B-Traffic-Access-Token', 't'], []],
    'drops a name without a value': [['X-Own'], []],
  }
  for (const [name, [headers, want]] of Object.entries(cases)) it(name, () => expect(forwarded(headers)).to.deep.equal(want))
})

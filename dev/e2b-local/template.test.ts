import { describe, it } from 'mocha'
import { expect } from 'chai'
import { parseTemplate, SIZE } from './template.ts'

describe('a template given at the start', () => {
  const cases = {
    agents: ['agents', SIZE],
    'large=8x8192': ['large', { ...SIZE, cpuCount: 8, memoryMB: 8192 }],
    'large=8': '"large=8" is not a template; write its name, or name=CPUSxMEGABYTES such as large=8x8192',
    'large=0x512': '"large=0x512" is not a template; write its name, or name=CPUSxMEGABYTES such as large=8x8192',
    '': '"" is not a template; write its name, or name=CPUSxMEGABYTES such as large=8x8192',
  }
  for (const [text, want] of Object.entries(cases)) it(JSON.stringify(text), () => expect(parseTemplate(text)).to.deep.equal(want))
})

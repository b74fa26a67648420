import { expect } from 'chai'
import { describe, it } from 'mocha'
import { endFrame, frame, readFrame, readJson } from './connect-protocol.ts'
import { EnvdError } from './errors.ts'

describe('frames', () => {
  it('carry a message, in bytes', () => {
    expect(frame({ a: 'é' }).toString('latin1')).to.equal('\0\0\0\0\u000a{"a":"\u00c3\u00a9"}')
    expect(readFrame(frame({ a: 'é' }))).to.deep.equal({ a: 'é' })
  })
  it('end a stream well or with an error', () => {
    expect(endFrame().toString('latin1')).to.equal('\u0002\0\0\0\u0002{}')
    expect(endFrame(new EnvdError('not_found', 'gone')).subarray(5).toString()).to.equal('{"error":{"code":"not_found","message":"gone"}}')
  })

  const good = frame({})
  const cases: Record<string, [body: Buffer, code: string]> = {
    'without a head are refused': [Buffer.from([0, 0, 0]), 'invalid_argument'],
    'that are compressed are refused': [Buffer.concat([Buffer.from([1]), good.subarray(1)]), 'unimplemented'],
    'that are too short are refused': [good.subarray(0, 6), 'invalid_argument'],
    'that are too long are refused': [Buffer.concat([good, good]), 'invalid_argument'],
    'without JSON are refused': [Buffer.from([0, 0, 0, 0, 1, 0x7b]), 'invalid_argument'],
  }
  for (const [name, [body, code]] of Object.entries(cases))
    it(name, () =>
      expect(() => readFrame(body))
        .to.throw(EnvdError)
        .with.property('code', code),
    )
  it('hold JSON or nothing', () => expect(() => readJson(Buffer.from(''))).to.throw('not valid JSON'))
})

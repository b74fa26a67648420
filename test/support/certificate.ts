import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** What a TLS server needs, in PEM. */
export type Certificate = { readonly cert: string; readonly key: string }

const DAY_MS = 86_400_000
const ECDSA_WITH_SHA256 = sequence(tagged(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
const COMMON_NAME = tagged(0x06, Buffer.from('550403', 'hex'))
const ALTERNATIVE_NAME = tagged(0x06, Buffer.from('551d11', 'hex'))
const VERSION_3 = tagged(0xa0, tagged(0x02, Buffer.of(2)))

/**
 * A certificate that vouches for itself, for the server of a name. Node makes keys, but no certificates. Those that are trusted side by side
 * need subjects of their own.
 */
export function selfSigned(name: string, subjectName = name, days = 1): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const serial = tagged(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)]))
  const subject = sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(subjectName)))))
  const validity = sequence(time(Date.now() - DAY_MS), time(Date.now() + days * DAY_MS))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const names = tagged(0x04, sequence(tagged(0x82, Buffer.from(name))))
  const extensions = tagged(0xa3, sequence(sequence(ALTERNATIVE_NAME, names)))
  const facts = sequence(VERSION_3, serial, ECDSA_WITH_SHA256, subject, validity, subject, spki, extensions)
  const signature = tagged(0x03, Buffer.concat([Buffer.of(0), sign('sha256', facts, privateKey)]))
  const text = sequence(facts, ECDSA_WITH_SHA256, signature).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${text.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A value in DER: its tag, its length, itself. */
function tagged(tag: number, value: Buffer): Buffer {
  const { length } = value
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), value])
}

function sequence(...values: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(values))
}

/** A UTCTime, such as 260131235959Z. */
function time(ms: number): Buffer {
  return tagged(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`))
}

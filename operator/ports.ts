import { Certificate, type CertificateOptions } from '../src/access/certificate.ts'
import { ConfigError } from './refusals.ts'

/** Who may use a port: users whom the API server knows, as far as their roles go, or everybody who reaches it. */
export type AuthMode = 'kubernetes' | 'none'

/** Reads such a flag. Throws a ConfigError. */
export function authModeOf(flag: string, text: string): AuthMode {
  if (text === 'kubernetes' || text === 'none') return text
  throw new ConfigError(`${flag} must be kubernetes or none, not ${JSON.stringify(text)}`)
}

/** The certificate of a port, if there is to be one; both flags name files. */
export type TlsFiles = { readonly certFile: string; readonly keyFile: string }

/** Reads a pair of such flags. Throws a ConfigError when only one is there. */
export function tlsFilesOf(prefix: string, certFile: string | undefined, keyFile: string | undefined): TlsFiles | undefined {
  if (certFile && keyFile) return { certFile, keyFile }
  if (!certFile && !keyFile) return undefined
  throw new ConfigError(`${prefix}tls-cert-file and ${prefix}tls-key-file go together; give both, or neither for plain HTTP`)
}

/** The certificate in these files, which is followed as they change. Throws a ConfigError when it cannot be used. */
export function certificateOf(files: TlsFiles | undefined, about: Omit<CertificateOptions, keyof TlsFiles>): Certificate | undefined {
  try {
    return files && new Certificate({ ...files, ...about })
  } catch (cause) {
    throw new ConfigError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

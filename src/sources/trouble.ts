/** What went wrong with a connection, by its code, in words. */
const TROUBLES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; see whether it runs, and whether the port is right',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  ENOTFOUND: 'there is no such host; correct the name',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  EHOSTUNREACH: 'there is no way to the host; see whether a network policy forbids it',
  ENETUNREACH: 'there is no way to the host; see whether a network policy forbids it',
  ETIMEDOUT: 'it cannot be reached in time; see whether a network policy forbids it',
  UND_ERR_CONNECT_TIMEOUT: 'it cannot be reached in time; see whether a network policy forbids it',
  LINK_LOCAL: 'its name stands for a link-local address, which is never asked; write another one',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by nobody known; give the operator its CA in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody known; give the operator its CA in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody known; give the operator its CA in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by nobody known; give the operator its CA in NODE_EXTRA_CA_CERTS',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; write http:// if it is meant to',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS; write http:// if it is meant to',
  EPROTO: 'it does not speak TLS as we do',
}

/** Says why there was no answer, in words that hold nothing of the request. */
export function troubleOf(error: unknown): string {
  const code = codeOf(error)
  return (code !== undefined && TROUBLES[code]) || `the connection failed${code === undefined ? '' : ` (${code})`}`
}

/** The code of an error, or of the first error within it that has one: one host may have several addresses. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  if ('code' in error && typeof error.code === 'string') return error.code
  return codeOf(error.cause)
}

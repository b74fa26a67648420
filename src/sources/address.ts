import { isLinkLocal } from './link-local.ts'
import { SourceError } from './source-error.ts'

/** An address as it may be shown: without user, password, query and fragment, any of which may be secret. */
export function shownAddress(url: URL): string {
  return `${url.origin}${url.pathname === '/' ? '' : url.pathname}`
}

/** The address as a URL. Throws SourceError for one that cannot be asked. */
export function addressOf(text: string): URL {
  if (!URL.canParse(text)) throw new SourceError('the address is not a URL; write one such as http://prometheus.monitoring:9090')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new SourceError(`${url.protocol} addresses cannot be asked; write one that begins with http:// or https://`)
  if (url.username !== '' || url.password !== '')
    throw new SourceError(`${shownAddress(url)} has a user or a password in it, which is not sent; put a token into a Secret`)
  if (isLinkLocal(url.hostname))
    throw new SourceError(`${shownAddress(url)} is a link-local address, which is never asked; write another one`)
  return url
}

/** The address with a path behind its own. */
export function withPath(url: URL, path: string): URL {
  const longer = new URL(url)
  longer.pathname = url.pathname.replace(/\/+$/, '') + path
  return longer
}

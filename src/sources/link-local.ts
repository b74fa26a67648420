import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { BlockList, isIPv6 } from 'node:net'

/** Addresses at which clouds give out the credentials of the machine; no metric lives there. */
const LINK_LOCAL = new BlockList()
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4')
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6')
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6')

/** Whether this is an IP address that is not to be asked; the host of a URL may have brackets. */
export function isLinkLocal(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  return LINK_LOCAL.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

type Found = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void

/** Looks up a name as always, and fails with the code LINK_LOCAL when it stands for an address that is not to be asked. */
export function lookupOthers(host: string, options: LookupOptions, found: Found): void {
  lookup(host, options, (error, address, family) => {
    const all = typeof address === 'string' ? [address] : (address ?? []).map((one) => one.address)
    const isForbidden = !error && all.some(isLinkLocal)
    found(isForbidden ? Object.assign(new Error('link-local address'), { code: 'LINK_LOCAL' }) : error, address, family)
  })
}

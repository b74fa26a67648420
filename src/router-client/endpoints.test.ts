import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { EndpointSlice } from '../kube/objects.ts'
import { endpointsOf } from './endpoints.ts'

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

const slice = (endpoints: readonly Endpoint[], over: Partial<EndpointSlice> = {}): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 's', uid: 'u', resourceVersion: '1' },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 18000 }],
  endpoints,
  ...over,
})
const at = (address: string, conditions?: Endpoint['conditions']): Endpoint => ({ addresses: [address], ...(conditions && { conditions }) })

describe('routers behind a Service', () => {
  it('are one for each endpoint of every slice, by address', () => {
    expect(endpointsOf([slice([at('10.0.0.2')]), slice([at('10.0.0.1')])], 'http')).to.deep.equal([
      { url: 'http://10.0.0.1:18000', isServing: true },
      { url: 'http://10.0.0.2:18000', isServing: true },
    ])
  })

  const conditions = {
    'that is ready serves': { given: { ready: true, serving: true }, serves: true },
    'of which nothing is known serves': { given: {}, serves: true },
    'of an old API server serves when it is ready': { given: { ready: true }, serves: true },
    'that ends and still takes tasks serves': { given: { ready: false, serving: true, terminating: true }, serves: true },
    'that ends and takes no tasks does not serve': { given: { ready: false, serving: false, terminating: true }, serves: false },
    'that starts does not serve': { given: { ready: false, serving: false }, serves: false },
  }
  for (const [name, { given, serves }] of Object.entries(conditions))
    it(`one ${name}`, () => expect(endpointsOf([slice([at('10.0.0.1', given)])], 'http')[0]?.isServing).to.equal(serves))

  it('one that is in two slices serves when either says so', () => {
    const moved = [slice([at('10.0.0.1', { serving: true })]), slice([at('10.0.0.1', { serving: false })])]
    expect(endpointsOf(moved, 'http')).to.deep.equal([{ url: 'http://10.0.0.1:18000', isServing: true }])
  })

  it('speak https where they are told to, and have addresses of either kind', () => {
    const six = slice([at('fd00::1')], { addressType: 'IPv6' })
    expect(endpointsOf([six], 'https').map(({ url }) => url)).to.deep.equal(['https://[fd00::1]:18000'])
    expect(endpointsOf([slice([at('router.example')], { addressType: 'FQDN' })], 'http')).to.deep.equal([])
  })

  it('are asked at the only port, or at the one that is named http', () => {
    const port = (ports: EndpointSlice['ports']) =>
      endpointsOf([slice([at('10.0.0.1')], { ports: ports ?? [] })], 'http').map(({ url }) => url)
    expect(port([{ name: 'tasks', port: 1 }])).to.deep.equal(['http://10.0.0.1:1'])
    expect(
      port([
        { name: 'debug', port: 1 },
        { name: 'http', port: 2 },
      ]),
    ).to.deep.equal(['http://10.0.0.1:2'])
    expect(
      port([
        { name: 'a', port: 1 },
        { name: 'b', port: 2 },
      ]),
    ).to.deep.equal([])
    expect(port([])).to.deep.equal([])
  })
})

import { describe, it } from 'mocha'
import { expect } from 'chai'
import { operatorUsage, readOperatorConfig, type OperatorConfig } from './operator-config.ts'
import { ConfigError } from './refusals.ts'

function read(...args: string[]): OperatorConfig {
  const config = readOperatorConfig(args, {})
  if (config === 'help') throw new Error('nobody asked for help')
  return config
}

describe('configuration of the operator', () => {
  it('knows no router unless told', () => {
    const { routerUrls, routerService, routerCaFile, routerTokenFile } = read()
    expect({ routerUrls, routerService, routerCaFile, routerTokenFile }).to.deep.equal({
      routerUrls: [],
      routerService: undefined,
      routerCaFile: undefined,
      routerTokenFile: undefined,
    })
  })

  it('takes a Service in front of routers, and how to speak with them', () => {
    const config = read('--router-service', 'swarms/router', '--router-tls-ca-file', '/ca', '--router-token-file', '/token')
    expect(config).to.include({ routerCaFile: '/ca', routerTokenFile: '/token' })
    expect(config.routerService).to.deep.equal({ namespace: 'swarms', name: 'router' })
  })

  it('takes hosts that manifests may have it ask', () => {
    expect(read().sourceHosts).to.deep.equal([])
    expect(read('--source-hosts', 'prometheus.monitoring.svc, *.Example.com').sourceHosts).to.deep.equal([
      'prometheus.monitoring.svc',
      '*.example.com',
    ])
  })

  it('is complete in what --help prints', () => expect(operatorUsage()).to.match(/--router-service +NAMESPACE\/NAME of a Service/))

  it('can only ask for help', () => expect(readOperatorConfig(['--help', '--metrics-port', 'x'], {})).to.equal('help'))

  const wrong: Record<string, [string[], string]> = {
    'a Service without a namespace': [
      ['--router-service', 'router'],
      '--router-service must be NAMESPACE/NAME such as swarm-system/swarm-router, not "router"',
    ],
    'a Service that is an address': [['--router-service', 'http://router/x'], '--router-service must be NAMESPACE/NAME such as'],
    'certificates without a name to check': [['--router-tls-ca-file', '/ca'], '--router-tls-ca-file needs --router-service NAMESPACE/NAME'],
    'an address that is none': [['--router-urls', 'router:1'], '--router-urls must hold http addresses'],
    'a host that is an address with a path': [['--source-hosts', 'http://prometheus:9090'], '--source-hosts must hold names of hosts'],
    'a certificate without its key': [
      ['--metrics-tls-cert-file', 'tls.crt'],
      '--metrics-tls-cert-file and --metrics-tls-key-file go together',
    ],
    'a port that is none': [['--metrics-port', '-'], '--metrics-port must be a whole number from 0 to 65535, not "-"'],
    'a rate that is none': [['--create-rate', 'fast'], '--create-rate must be a number from 0 to 1000, not "fast"'],
    'a form of logs that is none': [['--log-format', 'xml'], '--log-format must be json or text, not "xml"'],
    'a flag that is none': [['--rooter'], "Unknown option '--rooter'"],
  }
  for (const [name, [args, message]] of Object.entries(wrong))
    it(`refuses ${name}`, () => expect(() => read(...args)).to.throw(ConfigError, message))
})

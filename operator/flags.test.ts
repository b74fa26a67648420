import { describe, it } from 'mocha'
import { expect } from 'chai'
import { addressOf, numberOf, readFlags, usageOf, wholeNumberOf } from './flags.ts'
import { operatorUsage } from './operator-config.ts'
import { ConfigError } from './refusals.ts'
import { routerUsage } from './router-config.ts'

const FLAGS = {
  port: { type: 'string', default: '80', help: 'Port to listen on' },
  name: { type: 'string', multiple: true, help: `A name${', and so on'.repeat(8)}` },
  help: { type: 'boolean', default: false, help: 'Show this' },
} as const

describe('flags', () => {
  it('have their defaults unless given', () => {
    expect(readFlags([], FLAGS)).to.deep.include({ port: '80', help: false })
    expect(readFlags(['--name', 'a', '--port=1', '--name', 'b'], FLAGS)).to.deep.include({ port: '1', name: ['a', 'b'] })
  })

  it('are all in the usage, with their defaults, as wide as a terminal', () => {
    expect(usageOf({ name: 'program', does: 'Does it.', flags: FLAGS, environment: 'HOME' }).split('\n')).to.deep.equal([
      'Usage: program [flags]',
      '',
      'Does it.',
      '',
      '  --port  Port to listen on (default: 80)',
      `  --name  A name${', and so on'.repeat(7)}, and`,
      '          so on',
      '  --help  Show this',
      '',
      'Environment: HOME',
    ])
    for (const usage of [operatorUsage(), routerUsage()])
      expect(Math.max(...usage.split('\n').map((line) => line.length))).to.be.at.most(100)
  })

  const numbers: Record<string, [() => number, number | string]> = {
    'a number with decimals': [() => numberOf('--rate', '0.5', 1), 0.5],
    'a number above the most': [() => numberOf('--rate', '2', 1), '--rate must be a number from 0 to 1, not "2"'],
    'a number that is nothing': [() => numberOf('--rate', ' ', 1), '--rate must be a number from 0 to 1, not " "'],
    'a whole number': [() => wholeNumberOf('--max', '7', 1, 9), 7],
    'a number that is not whole': [() => wholeNumberOf('--max', '1.5', 1, 9), '--max must be a whole number from 1 to 9, not "1.5"'],
    'a number below the least': [() => wholeNumberOf('--max', '0', 1, 9), '--max must be a whole number from 1 to 9, not "0"'],
  }
  for (const [name, [read, want]] of Object.entries(numbers))
    it(`${typeof want === 'number' ? 'take' : 'refuse'} ${name}`, () => {
      if (typeof want === 'number') expect(read()).to.equal(want)
      else expect(read).to.throw(ConfigError, want)
    })

  it('take addresses of http and https only', () => {
    const texts = ['http://a:1/x', 'https://a', 'ftp://a', 'a:1', '']
    expect(texts.filter(addressOf)).to.deep.equal(['http://a:1/x', 'https://a'])
  })
})

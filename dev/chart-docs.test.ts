import { describe, it } from 'mocha'
import { expect } from 'chai'
import { chartValues, withValues } from './chart-docs.ts'

const YAML = `# Of the file.

# -- Alone.
name: ''
group:
  # -- Over
  # two lines.
  inner: 3
  silent: true
  # -- A whole one.
  list:
    - key: {}
  # No word of it.
  resources:
    limits: { memory: 1Gi }
`

describe('the table of the values of a chart', () => {
  it('has each value with its path, default and comment', () =>
    expect(chartValues(YAML)).to.deep.equal([
      { path: 'name', value: "''", text: 'Alone.' },
      { path: 'group.inner', value: '3', text: 'Over two lines.' },
      { path: 'group.silent', value: 'true', text: '' },
      { path: 'group.list', value: '…', text: 'A whole one.' },
      { path: 'group.resources.limits', value: '{ memory: 1Gi }', text: '' },
    ]))

  it('takes the place of the one before, and nothing else of the page', () => {
    const page = 'before\n<!-- values, written by `make generate` -->\nold\n<!-- end of values -->\nafter\n'
    const once = withValues(page, 'a: 1\n')
    expect(once).to.match(/^before\n<!-- values[^]*\| `a` \| `1` \|  \|\n\n<!-- end of values -->\nafter\n$/)
    expect(once).not.to.contain('old')
    expect(withValues(once, 'a: 1\n')).to.equal(once)
  })
})

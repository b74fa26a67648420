import { it } from 'mocha'
import { expect } from 'chai'
import { fillIn } from './placeholders.ts'

const REVISIONS = { target: 'a/b', stable: 'c' }

it('placeholders stand for the two revisions, wherever they are', () => {
  expect(fillIn('errors{revision="{{revision}}"} - errors{revision="{{ stable }}"}', REVISIONS)).to.equal(
    'errors{revision="a/b"} - errors{revision="c"}',
  )
})

it('placeholders are encoded as they must be', () => {
  expect(fillIn('http://x/{{revision}}?of={{revision}}', REVISIONS, encodeURIComponent)).to.equal('http://x/a%2Fb?of=a%2Fb')
})

it('other braces stay as they are', () => {
  const text = '{{ other }} {revision} {{{x}}} {{revision'
  expect(fillIn(text, REVISIONS)).to.equal(text)
})

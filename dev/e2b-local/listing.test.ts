import { expect } from 'chai'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ApiError } from './errors.ts'
import { encodeCursor, type Listed, pageOf, parseListQuery, parseMetadataFilter } from './listing.ts'

const listed = (id: string, startedAtMs: number, more: Partial<Listed> = {}): Listed => ({
  id,
  startedAtMs,
  state: 'running',
  templateId: 'base',
  alias: 'base',
  metadata: {},
  ...more,
})
const query = (text: string) => parseListQuery(new URLSearchParams(text))
const encoded = (metadata: Record<string, string>) =>
  encodeURIComponent(
    Object.entries(metadata)
      .map((pair) => pair.map(encodeURIComponent).join('='))
      .join('&'),
  )

describe('parseMetadataFilter', () => {
  const cases: Record<string, [text: string, want: Record<string, string>]> = {
    'takes nothing': ['', {}],
    'takes one pair': [encoded({ a: 'b' }), { a: 'b' }],
    'takes several pairs': [encoded({ a: 'b', c: 'd' }), { a: 'b', c: 'd' }],
    'takes an empty value': [encoded({ a: '' }), { a: '' }],
    'keeps an equals sign in a value': ['a%3Db%3Dc', { a: 'b=c' }],
    'takes + for a space, as forms write it': ['a%3Db%2Bc', { a: 'b c' }],
    'keeps an encoded +': [encoded({ a: 'b+c' }), { a: 'b+c' }],
  }
  for (const [name, [text, want]] of Object.entries(cases))
    it(name, () => expect(Object.fromEntries(parseMetadataFilter(text))).to.deep.equal(want))

  for (const text of ['a', '%3Db', 'a%3Db%26', '%', 'a%3D%25zz'])
    it(`refuses ${JSON.stringify(text)}`, () =>
      expect(() => parseMetadataFilter(text))
        .to.throw(ApiError)
        .with.property('code', 400))

  it('gives back whatever was encoded', () => {
    const texts = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(fc.dictionary(texts, texts, { noNullPrototype: true }), (metadata) => {
        expect(Object.fromEntries(parseMetadataFilter(encoded(metadata)))).to.deep.equal(metadata)
      }),
    )
  })
})

describe('parseListQuery', () => {
  it('has a default for everything', () => {
    expect(query('')).to.deep.equal({
      metadata: new Map(),
      states: new Set(['running', 'paused']),
      startedAfterMs: undefined,
      template: undefined,
      order: 'desc',
      limit: 100,
      after: undefined,
    })
  })
  it('takes everything', () => {
    const token = encodeCursor({ startedAtMs: 5, id: 'i1' })
    const text = `state=running&startedAfter=1970-01-01T00:00:01Z&template=base&order=asc&limit=7&nextToken=${token}&metadata=a%253Db`
    expect(query(text)).to.deep.equal({
      metadata: new Map([['a', 'b']]),
      states: new Set(['running']),
      startedAfterMs: 1_000,
      template: 'base',
      order: 'asc',
      limit: 7,
      after: { startedAtMs: 5, id: 'i1' },
    })
  })
  for (const text of ['limit=0', 'limit=101', 'limit=x', 'limit=', 'limit=1.5', 'state=dead', 'order=up', 'startedAfter=x', 'nextToken=x'])
    it(`refuses ${text}`, () =>
      expect(() => query(text))
        .to.throw(ApiError)
        .with.property('code', 400))
})

describe('pageOf', () => {
  const all = [listed('b', 2), listed('a', 1), listed('d', 3, { state: 'paused' }), listed('c', 2, { metadata: { team: 'x' } })]
  const cases: Record<string, [text: string, ids: string[]]> = {
    'shows the newest first, and of two of the same moment the greater id': ['', ['d', 'c', 'b', 'a']],
    'shows the oldest first': ['order=asc', ['a', 'b', 'c', 'd']],
    'keeps to the states': ['state=paused', ['d']],
    'keeps to the metadata': ['metadata=team%253Dx', ['c']],
    'takes no inherited field for metadata': ['metadata=constructor%253Dx', []],
    'shows what started later': ['startedAfter=1970-01-01T00:00:00.001Z', ['d', 'c', 'b']],
    'keeps to the template': ['template=other', []],
  }
  for (const [name, [text, ids]] of Object.entries(cases))
    it(name, () => expect(pageOf(all, query(text)).items.map((item) => item.id)).to.deep.equal(ids))

  it('has a token only when more follows', () => {
    expect(pageOf(all, query('limit=4')).nextToken).to.equal(undefined)
    expect(pageOf(all, query('limit=3')).nextToken).to.equal(encodeCursor({ startedAtMs: 2, id: 'b' }))
  })

  it('shows everything once, whatever the size of a page', () => {
    const sandboxes = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.nat(3)), { selector: ([id]) => id })
    fc.assert(
      fc.property(sandboxes, fc.integer({ min: 1, max: 5 }), fc.constantFrom('asc', 'desc'), (pairs, limit, order) => {
        const items = pairs.map(([id, at]) => listed(id, at))
        const seen: string[] = []
        for (let token: string | undefined = ''; token !== undefined;) {
          const page: { items: Listed[]; nextToken: string | undefined } = pageOf(
            items,
            query(`limit=${limit}&order=${order}&nextToken=${token}`),
          )
          seen.push(...page.items.map((item) => item.id))
          token = page.nextToken
        }
        expect(seen.toSorted()).to.deep.equal(pairs.map(([id]) => id).toSorted())
      }),
    )
  })
})

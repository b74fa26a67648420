import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { addressOf, shownAddress, withPath } from './address.ts'
import { excerptOf, jsonOf, unexpected } from './answer.ts'
import { headersOf } from './headers.ts'
import type { HttpAnswer } from './http-client.ts'
import { numberOf } from './prometheus.ts'
import { lookupOthers } from './link-local.ts'
import { SourceError } from './source-error.ts'
import { troubleOf } from './trouble.ts'
import { valueAt } from './value-at.ts'

const ADDRESS = 'http://source.test/path'
const answer = (body: unknown, status = 200): HttpAnswer => ({
  address: ADDRESS,
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  isCut: false,
})

describe('a value in a document', () => {
  const json = { data: [{ errors: 3 }, { errors: null }], 'a b': { '': 0 }, text: 'abc' }
  const cases: Record<string, { path?: string; want: unknown }> = {
    'is all of it without a path': { want: json },
    'is all of it with an empty one': { path: '', want: json },
    'is found by keys and indices': { path: 'data.0.errors', want: 3 },
    'may be null': { path: 'data.1.errors', want: null },
    'may be found by empty keys': { path: 'a b.', want: 0 },
    'is nothing behind the end of a list': { path: 'data.2.errors', want: undefined },
    'is nothing where a key is missing': { path: 'nobody.errors', want: undefined },
    'is nothing within a text': { path: 'text.0', want: undefined },
    'is not what lists inherit': { path: 'data.length', want: undefined },
    'is not what objects inherit': { path: 'constructor.name', want: undefined },
    'is not the prototype': { path: '__proto__', want: undefined },
  }
  for (const [name, { path, want }] of Object.entries(cases)) it(name, () => expect(valueAt(json, path)).to.deep.equal(want))

  it('never fails, whatever the path and the document', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.string(), (document, path) => void valueAt(document, path)))
  })
})

describe('the answer of Prometheus', () => {
  const data = (resultType: string, result: unknown) => ({ status: 'success', data: { resultType, result } })
  const sample = (value: string) => ({ metric: { job: 'a' }, value: [1, value] })
  const numbers: Record<string, { body: unknown; want: number | undefined }> = {
    'is a scalar': { body: data('scalar', [1, '0.5']), want: 0.5 },
    'is a vector of one sample': { body: data('vector', [sample('12')]), want: 12 },
    'is no number for an empty vector': { body: data('vector', []), want: undefined },
    'is no number for NaN': { body: data('vector', [sample('NaN')]), want: undefined },
    'may be infinite': { body: data('vector', [sample('+Inf')]), want: Infinity },
  }
  for (const [name, { body, want }] of Object.entries(numbers)) it(name, () => expect(numberOf(answer(body))).to.equal(want))

  const errors: Record<string, { body: unknown; status?: number; want: string }> = {
    'is refused with several series': {
      body: data('vector', [sample('1'), sample('2')]),
      want: `the query at ${ADDRESS} gives 2 series, not one; aggregate them, for instance with sum()`,
    },
    'is refused when it is a range': {
      body: data('matrix', []),
      want: `the query at ${ADDRESS} gives a matrix; write one that gives a number`,
    },
    'is refused when it is a histogram': {
      body: data('vector', [{ metric: {}, histogram: [1, {}] }]),
      want: `the query at ${ADDRESS} gives something that is not a number; write one that does`,
    },
    'says what is wrong with the query': {
      body: { status: 'error', errorType: 'bad_data', error: '1:5: parse error: unexpected end of input' },
      status: 400,
      want: `${ADDRESS} cannot answer the query: 1:5: parse error: unexpected end of input`,
    },
    'is shown when it comes from something else': {
      body: '<html>no such page</html>',
      status: 404,
      want: `${ADDRESS} answered 404: <html>no such page</html>`,
    },
    'is shown when it is other JSON': { body: { hello: 1 }, want: `${ADDRESS} answered 200: {"hello":1}` },
    'is shown when it is no JSON': { body: 'hello', want: `${ADDRESS} answered 200, but not with JSON: hello` },
  }
  for (const [name, { body, status, want }] of Object.entries(errors))
    it(name, () => expect(() => numberOf(answer(body, status))).to.throw(SourceError, want))

  it('is a number, none or a SourceError, whatever comes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('vector', 'scalar', 'x'), (result, type) => {
        try {
          expect(numberOf(answer(data(type, result)))).to.satisfy((value: unknown) => value === undefined || typeof value === 'number')
        } catch (error) {
          expect(error).to.be.instanceOf(SourceError)
        }
      }),
    )
  })
})

describe('an answer that is not what was asked for', () => {
  it('is shown by its beginning, in one line', () => {
    expect(excerptOf(`a\n\tb\u0000c${' '.repeat(500)}d`)).to.equal('a b c d')
    expect(excerptOf('x'.repeat(5_000))).to.have.length(200)
    expect(unexpected(answer('oh\nno', 500)).message).to.equal(`${ADDRESS} answered 500: oh no`)
  })
  it('is a redirect, whose aim is to be written instead', () => {
    expect(unexpected(answer('', 302)).message).to.equal(`${ADDRESS} answered 302, and redirects are not followed; write the final address`)
  })
  it('has no content, which is no value', () => expect(jsonOf(answer('', 204))).to.equal(undefined))
  it('is too long', () =>
    expect(() => jsonOf({ ...answer('{}'), isCut: true })).to.throw(SourceError, 'answered with more than 1024 KiB; ask it for less'))
})

describe('the address of a source', () => {
  it('is shown without what may be secret', () => {
    expect(shownAddress(new URL('https://me:pass@host.test:81/a/b?token=x#y'))).to.equal('https://host.test:81/a/b')
    expect(shownAddress(new URL('http://host.test'))).to.equal('http://host.test')
  })
  it('keeps its own path and query before a longer one', () => {
    expect(withPath(new URL('http://host.test/prom/?dedup=true'), '/api/v1/query').href).to.equal(
      'http://host.test/prom/api/v1/query?dedup=true',
    )
  })
  it('is refused with a password, which is not said', () => {
    expect(() => addressOf('http://me:hunter2@host.test/')).to.throw(SourceError, /^(?!.*hunter2).*put a token into a Secret$/)
  })
  it('is refused where clouds give out credentials, however it is written', () => {
    for (const host of ['169.254.169.254', '0xA9FEA9FE', '2852039166', '[::ffff:169.254.169.254]', '[fe80::1]', '[fd00:ec2::254]'])
      expect(() => addressOf(`http://${host}/latest`), host).to.throw(SourceError, 'link-local address')
    for (const host of ['10.0.0.1', 'localhost', '[::1]', '[fd00::1]']) expect(addressOf(`http://${host}/`).pathname, host).to.equal('/')
  })
  it('is refused when it is none', () => {
    expect(() => addressOf('prometheus:9090')).to.throw(SourceError, 'begins with http:// or https://')
    expect(() => addressOf('http://')).to.throw(SourceError, 'not a URL')
  })
})

describe('the name of a host', () => {
  const codeOf = async (host: string, all: boolean) =>
    new Promise((resolve) => lookupOthers(host, { all }, (error) => resolve(error?.code)))
  it('is looked up as always', async () =>
    expect(await Promise.all([codeOf('127.0.0.1', true), codeOf('127.0.0.1', false)])).to.deep.equal([undefined, undefined]))
  it('must not stand for an address that is not to be asked', async () =>
    expect(await Promise.all([codeOf('169.254.169.254', true), codeOf('169.254.169.254', false)])).to.deep.equal([
      'LINK_LOCAL',
      'LINK_LOCAL',
    ]))
})

describe('the headers of a request', () => {
  it('are those of the user and the token, without the line end of its file', () => {
    const headers = [{ name: 'X-Scope-OrgID', value: 'team' }]
    expect(headersOf({ token: 'abc\n', headers, contentType: 'application/json' }, ADDRESS)).to.deep.equal({
      'user-agent': 'swarm-operator',
      accept: 'application/json',
      'content-type': 'application/json',
      'x-scope-orgid': 'team',
      authorization: 'Bearer abc',
    })
  })
  it('are refused by name, never by value', () => {
    expect(() => headersOf({ headers: [{ name: 'X-A', value: 'hunter2\r\nX-B: 1' }] }, ADDRESS)).to.throw(
      SourceError,
      /^the header X-A (?!.*hunter2)/,
    )
    expect(() => headersOf({ headers: [{ name: 'Host', value: 'x' }] }, ADDRESS)).to.throw(SourceError, 'the header Host')
    expect(() => headersOf({ token: 'a\nhunter2' }, ADDRESS)).to.throw(SourceError, /^the token (?!.*hunter2)/)
    expect(() => headersOf({ token: '  ' }, ADDRESS)).to.throw(SourceError, 'is empty')
  })
})

describe('a connection that fails', () => {
  const coded = (code: string) => Object.assign(new Error('secret words'), { code })
  it('is told by its code', () => {
    expect(troubleOf(coded('ECONNREFUSED'))).to.contain('nothing listens there')
    expect(troubleOf(new AggregateError([coded('ECONNREFUSED'), coded('EHOSTUNREACH')]))).to.contain('nothing listens there')
    expect(troubleOf(new TypeError('x', { cause: coded('ENOTFOUND') }))).to.contain('no such host')
    expect(troubleOf(coded('E_NEW'))).to.equal('the connection failed (E_NEW)')
  })
  it('says nothing of what is not known', () => expect(troubleOf(new Error('secret words'))).to.equal('the connection failed'))
})

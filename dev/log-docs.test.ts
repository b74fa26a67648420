import { describe, it } from 'mocha'
import { expect } from 'chai'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const PAGE = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const SOURCES = globSync('{src,operator}/**/*.ts', { cwd: ROOT, exclude: (path) => path.endsWith('.test.ts') })
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n')

describe('messages of logs that docs/operations.md says to search for', () => {
  const table = PAGE.slice(PAGE.indexOf('| what you look for'), PAGE.indexOf('```sh', PAGE.indexOf('| what you look for')))
  const fields = ['object', 'reason']
  const messages = [...table.matchAll(/`([^`]+)`/g)].map(([, message = '']) => message).filter((message) => !fields.includes(message))

  it('are many', () => expect(messages.length).to.be.at.least(20))

  for (const message of messages) it(`${message} is one`, () => expect(SOURCES).to.contain(`'${message}'`))
})

import { describe, it } from 'mocha'
import { expect } from 'chai'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const PAGES = globSync('**/*.md', { cwd: ROOT, exclude: (path) => /(^|\/)(node_modules|\.dev|bench\/results)(\/|$)/.test(path) })

/** The names that headings have in addresses, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  let isCode = false
  for (const line of readFileSync(join(ROOT, page), 'utf8').split('\n')) {
    if (/^\s*```/.test(line)) isCode = !isCode
    const [, title] = isCode ? [] : (/^#{1,6} (.*)$/.exec(line) ?? [])
    if (title === undefined) continue
    const anchor = title
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    let unique = anchor
    for (let i = 1; anchors.has(unique); i++) unique = `${anchor}-${i}`
    anchors.add(unique)
  }
  return anchors
}

describe('links in the documentation', () => {
  it('are found in many pages', () => expect(PAGES).to.include.members(['README.md', 'docs/operations.md', 'examples/canary/README.md']))

  for (const page of PAGES) {
    it(`${page} leads to what is there`, () => {
      const text = readFileSync(join(ROOT, page), 'utf8')
        .replaceAll(/^\s*```[\s\S]*?^\s*```$/gm, '')
        .replaceAll(/`[^`\n]*`/g, '')
      const dead: string[] = []
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? page : normalize(join(dirname(page), path))
        if (!existsSync(join(ROOT, file))) dead.push(target)
        else if (anchor !== undefined && statSync(join(ROOT, file)).isFile() && file.endsWith('.md') && !anchorsOf(file).has(anchor))
          dead.push(target)
      }
      expect(dead).to.deep.equal([])
    })
  }
})

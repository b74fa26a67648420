import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/**
 * A piece of code in a page, with what comments before it say: `<!-- not run: WHY -->`, `<!-- until: TEXT -->` for what goes on until it is interrupted,
 * `<!-- prints: TEXT -->`, `<!-- fails -->` for a command that is meant to, `<!-- file: NAME -->` for a piece that readers are to save.
 */
export type Piece = {
  readonly page: string
  readonly line: number
  readonly language: string
  readonly text: string
  readonly marks: Readonly<Record<string, string>>
}

/** A page of the documentation. `after` names pages whose commands come first. */
export type Page = { readonly path: string; readonly after: readonly string[]; readonly pieces: readonly Piece[] }

const MARK = /^<!-- ([a-z ]+?)(?:: (.*))? -->$/
const FENCE = /^( *)(`{3,})([a-z]*)$/

/** Reads a page, given by its path in the repository. */
export function readPage(path: string): Page {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n')
  const pieces: Piece[] = []
  const after: string[] = []
  let marks: Record<string, string> = {}
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ''
    const [, name, value = ''] = MARK.exec(line.trim()) ?? []
    const [, indent = '', fence, language = ''] = FENCE.exec(line) ?? []
    if (name === 'after') after.push(value)
    else if (name !== undefined) marks[name] = value
    else if (fence !== undefined) {
      const from = i + 1
      while (i + 1 < lines.length && lines[i + 1]?.trim() !== fence) i++
      const text = lines.slice(from, i + 1).map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each))
      i++
      pieces.push({ page: path, line: from, language, text: text.join('\n'), marks })
      marks = {}
    } else if (line.trim() !== '') marks = {}
  }
  return { path, after, pieces }
}

/** The pages in the order in which their commands can be run. Throws when two wait for each other. */
export function inOrder(pages: readonly Page[]): readonly Page[] {
  const ordered: Page[] = []
  const visit = (page: Page, way: readonly string[]) => {
    if (ordered.includes(page)) return
    if (way.includes(page.path)) throw new Error(`pages wait for each other: ${way.join(', ')}`)
    for (const path of page.after) {
      const first = pages.find((each) => each.path === path)
      if (!first) throw new Error(`${page.path} comes after ${path}, which is no page with commands`)
      visit(first, [...way, page.path])
    }
    ordered.push(page)
  }
  for (const page of pages) visit(page, [])
  return ordered
}

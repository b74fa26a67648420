import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const DOCS = join(import.meta.dirname, '../../docs')

/** The first manifest with these words that a page of the documentation shows, as it is written there. */
export function shownManifest(page: string, words: string): string {
  const text = readFileSync(join(DOCS, page), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block)
  const found = blocks.find((block) => block.includes(words))
  if (found === undefined) throw new Error(`docs/${page} shows no manifest with ${words}`)
  return found
}

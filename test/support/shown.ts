import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const DOCS = join(import.meta.dirname, '../../docs')

/** The manifest of a kind that a page of the documentation shows, as it is written there. */
export function shownManifest(page: string, kind: string): string {
  const text = readFileSync(join(DOCS, page), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block)
  const found = blocks.find((block) => block.includes(`kind: ${kind}\n`))
  if (found === undefined) throw new Error(`docs/${page} shows no ${kind}`)
  return found
}

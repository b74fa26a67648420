import { expect } from 'chai'
import { describe, it } from 'mocha'
import { changeOf } from './watch.ts'

describe('changeOf', () => {
  const seen = { ino: 1, mode: 0o644, mtimeMs: 10, size: 3 }
  type Seen = typeof seen | undefined
  const cases: Record<string, [before: Seen, now: Seen, movedElsewhere: boolean, want: string | undefined]> = {
    'sees what is new': [undefined, seen, false, 'EVENT_TYPE_CREATE'],
    'sees another one of the same name': [seen, { ...seen, ino: 2 }, false, 'EVENT_TYPE_CREATE'],
    'sees what has gone': [seen, undefined, false, 'EVENT_TYPE_REMOVE'],
    'sees what has another name': [seen, undefined, true, 'EVENT_TYPE_RENAME'],
    'sees new content of the same length': [seen, { ...seen, mtimeMs: 11 }, false, 'EVENT_TYPE_WRITE'],
    'sees another length within the same moment': [seen, { ...seen, size: 4 }, false, 'EVENT_TYPE_WRITE'],
    'sees other permissions': [seen, { ...seen, mode: 0o600 }, false, 'EVENT_TYPE_CHMOD'],
    'takes content before permissions': [seen, { ...seen, mode: 0o600, size: 4 }, false, 'EVENT_TYPE_WRITE'],
    'sees nothing where nothing changed': [seen, { ...seen }, false, undefined],
    'sees nothing where nothing ever was': [undefined, undefined, false, undefined],
  }
  for (const [name, [before, now, moved, want]] of Object.entries(cases))
    it(name, () => expect(changeOf(before, now, moved)).to.equal(want))
})

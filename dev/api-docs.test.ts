import { describe, it } from 'mocha'
import { expect } from 'chai'
import Type from 'typebox'
import type { Kind } from '../src/api/crd.ts'
import { KINDS } from '../src/api/kinds.ts'
import { choice, countOrPercent, keyedBy, rules } from '../src/api/schema.ts'
import { apiDocs } from './api-docs.ts'

const Part = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 9, pattern: '^a|b$', description: 'Its name.' }) },
  { description: 'One part.', ...rules({ rule: "self.name != 'x'", message: 'choose another name' }) },
)
const KIND: Kind = {
  group: 'swarmops.dev',
  version: 'v1alpha1',
  kind: 'Widget',
  plural: 'widgets',
  shortNames: ['wd'],
  description: 'A thing.',
  rules: [{ rule: 'true', message: 'the name is short' }],
  spec: Type.Object(
    {
      colour: choice(['Red', 'Blue'], { default: 'Red', description: 'Its colour.' }),
      size: Type.Integer({ minimum: 1, maximum: 9, description: 'Its size.' }),
      share: countOrPercent({ default: '5%', description: 'Its share.' }),
      tags: Type.Array(Type.String({ maxLength: 3 }), { 'x-kubernetes-list-type': 'set', maxItems: 2, default: [], description: 'Words.' }),
      parts: Type.Array(Part, { ...keyedBy('name'), minItems: 1, maxItems: 4, description: 'What it is made of.' }),
      spare: Type.Optional(Part),
    },
    { description: 'What is wanted.' },
  ),
  status: Type.Object(
    { since: Type.Optional(Type.String({ format: 'date-time', description: 'When it was made.' })) },
    { default: {}, description: 'What is.' },
  ),
  columns: [],
}

const WANT = [
  '## Widget',
  '',
  'A thing. Short name: `wd`; category: `swarmops`.',
  '',
  '- the name is short',
  '',
  '### Widget.spec',
  '',
  'What is wanted.',
  '',
  '| Field | Type | Default | Description | Rules |',
  '| --- | --- | --- | --- | --- |',
  '| `colour` | `Red` or `Blue` | `"Red"` | Its colour. |  |',
  '| `size` | integer | required | Its size. | 1 to 9 |',
  '| `share` | integer or string | `"5%"` | Its share. | at most 8 characters |',
  '| `tags` | list of string | `[]` | Words. | at most 2 entries; no entry twice; each: at most 3 characters |',
  '| `parts` | list of [object](#widgetspecparts) | required | What it is made of. | 1 to 4 entries; one entry for each name |',
  '| `spare` | [object](#widgetspecparts) |  | One part. |  |',
  '',
  '### Widget.spec.parts[]',
  '',
  'One part.',
  '',
  '- choose another name',
  '',
  '| Field | Type | Default | Description | Rules |',
  '| --- | --- | --- | --- | --- |',
  '| `name` | string | required | Its name. | 1 to 9 characters; matches `^a\\|b$` |',
  '',
  '### Widget.status',
  '',
  'What is.',
  '',
  '| Field | Type | Default | Description | Rules |',
  '| --- | --- | --- | --- | --- |',
  '| `since` | time |  | When it was made. |  |',
  '',
].join('\n')

describe('the API reference', () => {
  it('tells type, default, description and rules of every field, and of an object that occurs twice once', () => {
    const page = apiDocs([KIND])
    expect(page.slice(page.indexOf('## Widget'))).to.equal(WANT)
  })

  it('has a section for every link in it', () => {
    const page = apiDocs(KINDS)
    const anchors = new Set(
      [...page.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(/[^a-z0-9-]/g, '')),
    )
    const broken = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = '']) => anchor).filter((anchor) => !anchors.has(anchor))
    expect(broken).to.deep.equal([])
  })
})

import { describe, it } from 'mocha'
import { expect } from 'chai'
import { ObjectStore } from './object-store.ts'
import { compareVersions, type KubeObject } from './objects.ts'

interface Thing extends KubeObject {
  readonly team?: string
}

function thing(name: string, version: number, more: { uid?: string; namespace?: string; team?: string } = {}): Thing {
  const { uid = `uid-${name}`, namespace = 'ns', team } = more
  return { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace, uid, resourceVersion: String(version) }, ...(team && { team }) }
}

function setup() {
  const heard: string[] = []
  const store = new ObjectStore<Thing>({ team: (object) => (object.team ? [object.team] : []) }, (type, object) =>
    heard.push(`${type} ${object.metadata.name} ${object.metadata.resourceVersion}`),
  )
  const state = () => [...store.values()].map((object) => `${object.metadata.name} ${object.metadata.resourceVersion}`)
  return { store, heard, state }
}

type Step = (store: ObjectStore<Thing>) => void
const seen =
  (...args: Parameters<typeof thing>): Step =>
  (store) =>
    store.seen('', thing(...args))
const gone =
  (...args: Parameters<typeof thing>): Step =>
  (store) =>
    store.gone('', thing(...args))
const wrote =
  (...args: Parameters<typeof thing>): Step =>
  (store) =>
    store.wrote('', thing(...args))
const deleted =
  (...args: Parameters<typeof thing>): Step =>
  (store) =>
    store.deleted(thing(...args))
const listed =
  (version: number, ...items: Thing[]): Step =>
  (store) =>
    store.listed('', items, String(version))

const cases: Record<string, { steps: Step[]; heard: string[]; state: string[] }> = {
  'hears nothing of an object that a list shows unchanged': {
    steps: [listed(5, thing('a', 3)), listed(9, thing('a', 3))],
    heard: ['added a 3'],
    state: ['a 3'],
  },
  'hears of what was deleted and changed while nobody watched': {
    steps: [listed(5, thing('a', 3), thing('b', 4)), listed(9, thing('a', 8))],
    heard: ['added a 3', 'added b 4', 'updated a 8', 'deleted b 4'],
    state: ['a 8'],
  },
  'hears of both when a name was given to another object meanwhile': {
    steps: [listed(5, thing('a', 3)), listed(9, thing('a', 8, { uid: 'other' }))],
    heard: ['added a 3', 'deleted a 3', 'added a 8'],
    state: ['a 8'],
  },
  'hears of an own write at once and not again from the watch': {
    steps: [listed(5, thing('a', 3)), wrote('a', 7), seen('a', 7)],
    heard: ['added a 3', 'updated a 7'],
    state: ['a 7'],
  },
  'does not go back when the watch brings what was before an own write': {
    steps: [listed(5, thing('a', 3)), wrote('a', 8), seen('a', 7), seen('a', 8), seen('a', 9)],
    heard: ['added a 3', 'updated a 8', 'updated a 9'],
    state: ['a 9'],
  },
  'keeps an object created by us when a list begun before does not show it': {
    steps: [listed(5), wrote('a', 8), listed(7), seen('a', 8)],
    heard: ['added a 8'],
    state: ['a 8'],
  },
  'drops an object created by us when a later list does not show it': {
    steps: [listed(5), wrote('a', 8), listed(9)],
    heard: ['added a 8', 'deleted a 8'],
    state: [],
  },
  'does not revive an object by a late answer to a write, when the watch has passed it': {
    steps: [listed(5, thing('a', 3)), gone('a', 9), wrote('a', 8)],
    heard: ['added a 3', 'deleted a 3'],
    state: [],
  },
  'does not revive an object that we deleted, neither by watch nor by list': {
    steps: [listed(5, thing('a', 3)), deleted('a', 3), seen('a', 6), listed(7, thing('a', 6)), gone('a', 8)],
    heard: ['added a 3', 'deleted a 3'],
    state: [],
  },
  'takes the next object of the same name after we deleted the first': {
    steps: [listed(5, thing('a', 3)), deleted('a', 3), wrote('a', 7, { uid: 'next' }), gone('a', 6), seen('a', 7, { uid: 'next' })],
    heard: ['added a 3', 'deleted a 3', 'added a 7'],
    state: ['a 7'],
  },
  'takes an object back that left the selection and returned': {
    steps: [listed(5, thing('a', 3)), gone('a', 6), seen('a', 8)],
    heard: ['added a 3', 'deleted a 3', 'added a 8'],
    state: ['a 8'],
  },
  'keeps an object that left the selection when our later write brought it back': {
    steps: [listed(5, thing('a', 3)), wrote('a', 8), gone('a', 7), seen('a', 8)],
    heard: ['added a 3', 'updated a 8'],
    state: ['a 8'],
  },
  'believes a list that is older than the watch was: the server was restored from a backup': {
    steps: [listed(50, thing('a', 30)), seen('b', 60), seen('a', 70), listed(40, thing('a', 30), thing('c', 35)), seen('c', 41)],
    heard: ['added a 30', 'added b 60', 'updated a 70', 'updated a 30', 'added c 35', 'deleted b 60', 'updated c 41'],
    state: ['a 30', 'c 41'],
  },
}

describe('object store', () => {
  for (const [name, c] of Object.entries(cases))
    it(name, () => {
      const { store, heard, state } = setup()
      for (const step of c.steps) step(store)
      expect({ heard, state: state() }).to.deep.equal({ heard: c.heard, state: c.state })
    })

  it('only takes objects of the listed namespace for deleted', () => {
    const { store, state } = setup()
    store.listed('one', [thing('a', 1, { namespace: 'one' })], '5')
    store.listed('two', [thing('b', 2, { namespace: 'two' })], '6')
    store.listed('one', [], '7')
    expect(state()).to.deep.equal(['b 2'])
  })

  it('finds objects by index as they come, change and go', () => {
    const { store } = setup()
    const names = (team: string) => store.index('team', team).map((object) => object.metadata.name)
    store.listed('', [thing('a', 1, { team: 'red' }), thing('b', 2, { team: 'red' }), thing('c', 3)], '5')
    expect([names('red'), names('blue')]).to.deep.equal([['a', 'b'], []])
    store.seen('', thing('a', 6, { team: 'blue' }))
    expect([names('red'), names('blue')]).to.deep.equal([['b'], ['a']])
    store.gone('', thing('b', 7, { team: 'red' }))
    expect([names('red'), names('blue')]).to.deep.equal([[], ['a']])
    expect(() => store.index('colour', 'red')).to.throw('there is no index colour')
  })
})

describe('resource versions', () => {
  const versions: Record<string, { a: string; b: string; want: 'older' | 'equal' | 'newer' | 'unknown' }> = {
    'compares by number': { a: '9', b: '10', want: 'older' },
    'compares numbers beyond what a double holds': { a: '9007199254740993', b: '9007199254740992', want: 'newer' },
    'knows equal ones, also opaque': { a: 'x', b: 'x', want: 'equal' },
    'does not compare opaque ones': { a: 'x', b: '10', want: 'unknown' },
  }
  for (const [name, { a, b, want }] of Object.entries(versions))
    it(name, () => {
      const order = compareVersions(a, b)
      expect(order === undefined ? 'unknown' : order === 0 ? 'equal' : order < 0 ? 'older' : 'newer').to.equal(want)
    })
})

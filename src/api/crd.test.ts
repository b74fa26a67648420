import { describe, it } from 'mocha'
import { expect } from 'chai'
import Type, { type TSchema } from 'typebox'
import { schemaOf, toCrd, type Kind, type Node } from './crd.ts'
import { rules } from './schema.ts'

const kind = (over: Partial<Kind> = {}): Kind => ({
  group: 'swarmops.dev',
  version: 'v1alpha1',
  kind: 'Widget',
  plural: 'widgets',
  shortNames: ['wd'],
  description: 'A thing.',
  spec: Type.Object({}),
  status: Type.Object({}, { default: { observedGeneration: -1 } }),
  columns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  ...over,
})
const spec = (schema: TSchema): Node | undefined => schemaOf(kind({ spec: schema })).properties?.['spec']

const CONVERSIONS: Record<string, { schema: TSchema; want: Node }> = {
  'what has no default and is not optional is required': {
    schema: Type.Object({ a: Type.String(), b: Type.Optional(Type.String()), c: Type.String({ default: 'x' }) }),
    want: {
      type: 'object',
      required: ['a'],
      properties: { a: { type: 'string' }, b: { type: 'string' }, c: { type: 'string', default: 'x' } },
    },
  },
  'an empty list of required fields is left out, since the API server refuses it': {
    schema: Type.Object({ a: Type.Boolean({ default: false }) }),
    want: { type: 'object', properties: { a: { type: 'boolean', default: false } } },
  },
  'the default of an object holds those of its fields, inner ones first': {
    schema: Type.Object({
      outer: Type.Object(
        { inner: Type.Object({ n: Type.Integer({ default: 3 }) }, { default: {} }), s: Type.String({ default: 'x' }) },
        { default: {} },
      ),
    }),
    want: {
      type: 'object',
      properties: {
        outer: {
          type: 'object',
          default: { inner: { n: 3 }, s: 'x' },
          properties: {
            inner: { type: 'object', default: { n: 3 }, properties: { n: { type: 'integer', default: 3 } } },
            s: { type: 'string', default: 'x' },
          },
        },
      },
    },
  },
  'what the default of an object says itself wins over those of its fields': {
    schema: Type.Object({ o: Type.Object({ n: Type.Integer({ default: 3 }), m: Type.Integer({ default: 1 }) }, { default: { n: 5 } }) }),
    want: {
      type: 'object',
      properties: {
        o: {
          type: 'object',
          default: { n: 5, m: 1 },
          properties: { n: { type: 'integer', default: 3 }, m: { type: 'integer', default: 1 } },
        },
      },
    },
  },
  'an object without a default gets none': {
    schema: Type.Object({ o: Type.Optional(Type.Object({ n: Type.Integer({ default: 3 }) })) }),
    want: {
      type: 'object',
      properties: { o: { type: 'object', properties: { n: { type: 'integer', default: 3 } } } },
    },
  },
  'objects in a list are converted like any other': {
    schema: Type.Object({
      list: Type.Array(Type.Object({ a: Type.String(), b: Type.String({ default: '' }) }), { maxItems: 2, default: [] }),
    }),
    want: {
      type: 'object',
      properties: {
        list: {
          type: 'array',
          maxItems: 2,
          default: [],
          items: { type: 'object', required: ['a'], properties: { a: { type: 'string' }, b: { type: 'string', default: '' } } },
        },
      },
    },
  },
  'rules and bounds stay as they are': {
    schema: Type.Object({ a: Type.String({ maxLength: 3, ...rules({ rule: "self != ''", message: 'write something' }) }) }),
    want: {
      type: 'object',
      required: ['a'],
      properties: {
        a: { type: 'string', maxLength: 3, 'x-kubernetes-validations': [{ rule: "self != ''", message: 'write something' }] },
      },
    },
  },
}

describe('a schema as the API server takes it', () => {
  for (const [name, c] of Object.entries(CONVERSIONS)) it(name, () => expect(spec(c.schema)).to.deep.equal(c.want))

  it('does not change the schema that it was made from', () => {
    const schema = Type.Object({ o: Type.Object({ n: Type.Integer({ default: 3 }) }, { default: {} }) })
    const before = JSON.stringify(schema)
    spec(schema)
    expect(JSON.stringify(schema)).to.equal(before)
  })

  it('carries the rules about the object as a whole', () => {
    const rule = { rule: 'self.metadata.name.size() < 9', message: 'choose a shorter name' }
    expect(schemaOf(kind({ rules: [rule] }))['x-kubernetes-validations']).to.deep.equal([rule])
    expect(schemaOf(kind())).to.not.have.property('x-kubernetes-validations')
  })
})

describe('the CRD of a kind', () => {
  const scale = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n', labelSelectorPath: '.status.selector' }
  const text = Type.String({ description: 'Its colour.', default: 'red' })
  const crd = toCrd(kind({ scale, spec: Type.Object({ colour: text, size: Type.Integer({ description: 'Its size.' }) }) }))

  it('says all that was said of the kind, and defaults in descriptions too', () => {
    expect(crd).to.deep.equal({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.swarmops.dev', labels: { 'app.kubernetes.io/part-of': 'swarm-operator' } },
      spec: {
        group: 'swarmops.dev',
        scope: 'Namespaced',
        names: {
          kind: 'Widget',
          plural: 'widgets',
          singular: 'widget',
          listKind: 'WidgetList',
          shortNames: ['wd'],
          categories: ['swarmops'],
        },
        versions: [
          {
            name: 'v1alpha1',
            served: true,
            storage: true,
            subresources: { status: {}, scale },
            additionalPrinterColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
            schema: {
              openAPIV3Schema: {
                type: 'object',
                description: 'A thing.',
                required: ['spec'],
                properties: {
                  apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
                  kind: { type: 'string', description: 'Kind of this object.' },
                  metadata: { type: 'object', properties: { name: { type: 'string' } } },
                  spec: {
                    type: 'object',
                    required: ['size'],
                    properties: {
                      colour: { type: 'string', description: 'Its colour. Defaults to red.', default: 'red' },
                      size: { type: 'integer', description: 'Its size.' },
                    },
                  },
                  status: { type: 'object', default: { observedGeneration: -1 }, properties: {} },
                },
              },
            },
          },
        ],
      },
    })
  })

  it('has no scale when the kind has none', () => {
    expect(JSON.stringify(toCrd(kind()))).to.contain('"subresources":{"status":{}}')
  })
})

import { schemaOf, type Kind, type Node } from '../src/api/crd.ts'

const HEADER = `<!-- Generated from src/api by \`make generate\`; edit the schema, not this file. -->

# API reference

Fields, defaults and rules of the objects in API group \`swarmops.dev\`, version \`v1alpha1\`. The API server checks all of
them when an object is written, and says what to write instead. \`kubectl explain swarm.spec --recursive\` lists the fields.

The least that a Swarm must say; all else has the defaults below:

\`\`\`yaml
apiVersion: swarmops.dev/v1alpha1
kind: Swarm
metadata: { name: desk }
spec:
  template:
    sandboxTemplate: base
    command: [node, agent.mjs]
\`\`\`
`

/** One object in a schema. An object that occurs several times has its section where it occurs first. */
type Section = { path: string; node: Node }

/** The reference page of these kinds, in Markdown: for each object in them its rules and a table of its fields. */
export function apiDocs(kinds: readonly Kind[]): string {
  const firsts = new Map<string, string>()
  return [HEADER, ...kinds.map((kind) => kindDocs(kind, firsts))].join('\n')
}

function kindDocs(kind: Kind, firsts: Map<string, string>): string {
  const { description, properties = {}, ...whole } = schemaOf(kind)
  const short = kind.shortNames.map((name) => `\`${name}\``).join(', ')
  const intro = `${description} Short name: ${short}; category: \`swarmops\`.`
  const sections = ['spec', 'status'].flatMap((name) => sectionsOf(properties[name] ?? {}, `${kind.kind}.${name}`, firsts))
  return [`## ${kind.kind}`, intro, rulesOf(whole), ...sections.map((s) => sectionDocs(s, firsts))].filter(Boolean).join('\n\n') + '\n'
}

/** The objects in a schema, outermost first, that have no section yet. */
function sectionsOf(field: Node, path: string, firsts: Map<string, string>): Section[] {
  const node = field.items ?? field
  if (!node.properties || firsts.has(idOf(node))) return []
  firsts.set(idOf(node), path)
  const inner = Object.entries(node.properties).map(([name, child]) =>
    sectionsOf(child, `${path}.${name}${child.items ? '[]' : ''}`, firsts),
  )
  return [{ path, node }, ...inner.flat()]
}

/** Equal for objects that have the same fields and rules. */
const idOf = (node: Node) => JSON.stringify({ ...node, description: undefined, default: undefined })

function sectionDocs({ path, node }: Section, firsts: Map<string, string>): string {
  const rows = Object.entries(node.properties ?? {}).map(([name, field]) => {
    const isRequired = node.required?.includes(name) ?? false
    const presence = isRequired ? 'required' : defaultOf(field)
    return [`\`${name}\``, typeOf(field, firsts), presence, field.description ?? '', limitsOf(field).join('; ')]
  })
  const table = [['Field', 'Type', 'Default', 'Description', 'Rules'], Array.from({ length: 5 }, () => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n')
  return [`### ${path}`, node.description ?? '', rulesOf(node), table].filter(Boolean).join('\n\n')
}

function typeOf(field: Node, firsts: Map<string, string>): string {
  if (field.items) return `list of ${typeOf(field.items, firsts)}`
  if (field.properties) return `[object](#${anchorOf(firsts.get(idOf(field)) ?? '')})`
  if (field['x-kubernetes-int-or-string']) return 'integer or string'
  if (field.enum) return field.enum.map((value) => `\`${value}\``).join(' or ')
  return field['format'] === 'date-time' ? 'time' : String(field['type'])
}

/** As GitHub makes it from a heading. */
const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(/[^a-z0-9-]/g, '')

/** The default of an object is that of its fields, and is told there. */
const defaultOf = ({ default: value, properties }: Node) => (value === undefined || properties ? '' : `\`${JSON.stringify(value)}\``)

/** Bounds and rules of a field, and of its entries when it is a list; those of an object are told in its section. */
function limitsOf(field: Node): string[] {
  if (field.properties) return []
  return [
    between(field.minimum, field.maximum, ''),
    between(field.minLength, field.maxLength, ' characters'),
    between(field.minItems, field.maxItems, ' entries'),
    field['x-kubernetes-list-map-keys'] ? `one entry for each ${field['x-kubernetes-list-map-keys'].join(' and ')}` : '',
    field['x-kubernetes-list-type'] === 'set' ? 'no entry twice' : '',
    field.pattern === undefined ? '' : `matches \`${field.pattern}\``,
    ...messagesOf(field),
    ...(field.items ? limitsOf(field.items).map((limit) => `each: ${limit}`) : []),
  ].filter(Boolean)
}

function between(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined) return most === undefined ? '' : `at most ${most}${unit}`
  return most === undefined ? `at least ${least}${unit}` : `${least} to ${most}${unit}`
}

const messagesOf = (node: Node) => (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message)
const rulesOf = (node: Node) =>
  messagesOf(node)
    .map((message) => `- ${message}`)
    .join('\n')

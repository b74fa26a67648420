import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A request as the API server has noted it, or one of which a router has asked it whether it is allowed. `resource` has its subresource with it,
 * such as `swarms/status`, or is the path of what is no resource.
 */
export type Asked = {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly namespace: string
  readonly name: string
  readonly isAllowed: boolean
  readonly line: string
}

/** A rule of a role, and where it holds: everywhere without a namespace. */
export type Rule = {
  readonly namespace: string
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
  readonly verbs: readonly string[]
}

type Entry = {
  verb: string
  user: { username: string }
  objectRef?: { resource?: string; subresource?: string; apiGroup?: string; namespace?: string; name?: string }
  annotations?: Record<string, string>
  requestObject?: { spec?: ReviewSpec }
  responseObject?: { status?: { allowed?: boolean } }
}
type Right = { verb: string; group?: string; resource?: string; subresource?: string; namespace?: string; name?: string }
type ReviewSpec = {
  user?: string
  resourceAttributes?: Right
  nonResourceAttributes?: { verb: string; path: string }
}

/** What a user has asked of the API server in this directory, which was started with `audit`, and of the routers that ask it about rights. */
export function askedBy(dir: string, user: string): Asked[] {
  const lines = readFileSync(join(dir, 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${user}"`))
  return lines.flatMap((line) => {
    const entry = JSON.parse(line) as Entry
    const { verb, objectRef: ref, annotations } = entry
    const isAllowed = annotations?.['authorization.k8s.io/decision'] === 'allow'
    const direct =
      entry.user.username === user && ref?.resource ? [asked({ ...ref, group: ref.apiGroup ?? '', verb }, isAllowed, line)] : []
    const { user: of, resourceAttributes: right, nonResourceAttributes: path } = entry.requestObject?.spec ?? {}
    if (of !== user || !entry.responseObject) return direct
    const isGranted = entry.responseObject.status?.allowed ?? false
    return [...direct, asked(right ?? { verb: path?.verb ?? '', resource: path?.path ?? '' }, isGranted, line)]
  })
}

function asked(
  { verb, group = '', resource = '', subresource, namespace = '', name = '' }: Right,
  isAllowed: boolean,
  line: string,
): Asked {
  return { verb, group, resource: resource + (subresource ? `/${subresource}` : ''), namespace, name, isAllowed, line }
}

/** Rights of these rules, one for each verb of each resource, that nothing asked has needed: `verb resource`. */
export function unused(rules: readonly Rule[], asked: readonly Asked[]): string[] {
  const rights = rules.flatMap(({ namespace, apiGroups = [''], resources = [], nonResourceURLs = [], resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      [...resources, ...nonResourceURLs].flatMap((resource) => verbs.map((verb) => ({ namespace, group, resource, resourceNames, verb }))),
    ),
  )
  const isUsed = ({ namespace, group, resource, resourceNames, verb }: (typeof rights)[number]) =>
    asked.some(
      (a) =>
        a.isAllowed &&
        a.verb === verb &&
        a.group === group &&
        a.resource === resource &&
        (namespace === '' || a.namespace === namespace) &&
        (resourceNames?.includes(a.name) ?? true),
    )
  return rights.filter((right) => !isUsed(right)).map(({ verb, resource }) => `${verb} ${resource}`)
}

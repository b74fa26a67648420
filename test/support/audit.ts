import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A request as the API server has noted it. `resource` has its subresource with it, such as `swarms/status`. */
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
  responseStatus?: { code?: number }
  annotations?: Record<string, string>
}

/** What a user has asked of the API server in this directory, which was started with `audit`. */
export function askedBy(dir: string, user: string): Asked[] {
  const lines = readFileSync(join(dir, 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${user}"`))
  return lines.flatMap((line) => {
    const { verb, user: by, objectRef: ref, annotations } = JSON.parse(line) as Entry
    if (by.username !== user || !ref?.resource) return []
    return {
      verb,
      group: ref.apiGroup ?? '',
      resource: ref.resource + (ref.subresource ? `/${ref.subresource}` : ''),
      namespace: ref.namespace ?? '',
      name: ref.name ?? '',
      isAllowed: annotations?.['authorization.k8s.io/decision'] === 'allow',
      line,
    }
  })
}

/** Rights of these rules, one for each verb of each resource, that nothing asked has needed: `verb resource`. */
export function unused(rules: readonly Rule[], asked: readonly Asked[]): string[] {
  const rights = rules.flatMap(({ namespace, apiGroups = [], resources = [], resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => ({ namespace, group, resource, resourceNames, verb }))),
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

/** Something that one may be allowed to do, as roles of Kubernetes name it. */
export type Right =
  | {
      readonly verb: 'create' | 'get' | 'list'
      readonly namespace: string
      /** Name of the swarm; all of them when absent. */
      readonly swarm?: string
      readonly subresource?: 'tasks'
    }
  | { readonly verb: 'get'; readonly path: string }

const GROUP = 'swarmops.dev'

/** What a SubjectAccessReview asks for. */
export function attributesOf(right: Right): object {
  if ('path' in right) return { nonResourceAttributes: { verb: right.verb, path: right.path } }
  const { verb, namespace, swarm, subresource } = right
  return {
    resourceAttributes: {
      group: GROUP,
      version: '*',
      resource: 'swarms',
      verb,
      namespace,
      ...(swarm !== undefined && { name: swarm }),
      ...(subresource && { subresource }),
    },
  }
}

/** Tells rights apart; two users' are told apart by what is put before it. */
export function keyOfRight(right: Right): string {
  if ('path' in right) return `${right.verb} ${right.path}`
  return `${right.verb} ${right.subresource ?? ''} ${right.namespace}/${right.swarm ?? ''}`
}

/** The right in words, such as `create swarms/tasks of swarm words in namespace default`. */
export function wordsOf(right: Right): string {
  if ('path' in right) return `${right.verb} ${right.path}`
  const { verb, namespace, swarm, subresource } = right
  return `${verb} swarms${subresource ? `/${subresource}` : ''}${swarm === undefined ? '' : ` of swarm ${swarm}`} in namespace ${namespace}`
}

/** The command that shows whether a user has the right; for others than oneself it needs the right to impersonate. */
export function commandOf(right: Right, user: string): string {
  const as = user.startsWith('system:serviceaccount:') ? ` --as=${user}` : ''
  if ('path' in right) return `kubectl auth can-i ${right.verb} ${right.path}${as}`
  const { verb, namespace, swarm, subresource } = right
  const what = `swarms.${GROUP}${swarm === undefined ? '' : `/${swarm}`}${subresource ? ` --subresource=${subresource}` : ''}`
  return `kubectl auth can-i ${verb} ${what} -n ${namespace}${as}`
}

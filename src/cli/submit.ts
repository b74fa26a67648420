import { CliError, type Ref } from './fleet.ts'
import { askRouter, type RouterAccess } from './router.ts'

/** A task as a person writes it. */
export type Task = {
  readonly input: unknown
  readonly capability?: string | undefined
  readonly sessionKey?: string | undefined
  readonly timeout?: string | undefined
  readonly revision?: string | undefined
}

/** Sends a task and gives the answer as it came, and whether the task was done. Throws a CliError when the router cannot be reached. */
export async function submit(
  { namespace, name }: Ref,
  task: Task,
  access: RouterAccess | undefined,
): Promise<{ done: boolean; text: string }> {
  if (!access) throw new CliError('no router is known; give its address with --router or SWARM_ROUTER_URL')
  const { revision, ...rest } = task
  const headers = { 'content-type': 'application/json', ...(revision !== undefined && { 'swarm-revision': revision }) }
  const body = JSON.stringify(rest)
  const response = await askRouter(access, `/v1/namespaces/${namespace}/swarms/${name}/tasks`, { method: 'POST', headers, body })
  return { done: response.ok, text: await response.text() }
}

/** JSON as it is meant, anything else as a text. Throws a CliError for what begins as JSON does and is none: nobody means that as a text. */
export function inputOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    if (!/^\s*[[{]/.test(text)) return text
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `INPUT begins as JSON does and is none: ${why}; if it is meant as a text, send it as a string of JSON: jq -Rs . | kubectl swarm submit SWARM -`
    throw new CliError(message, { cause })
  }
}

import { CliError, type Ref } from './fleet.ts'

/** Where tasks are sent to, and what proves that one may. */
export type RouterAccess = { readonly url: string; readonly token?: string | undefined }

/** A task as a person writes it; the input is JSON, or a text that is none. */
export type Task = {
  readonly input: string
  readonly capability?: string | undefined
  readonly sessionKey?: string | undefined
  readonly timeout?: string | undefined
  readonly revision?: string | undefined
}

/** Sends a task and gives the answer as it came, and whether the task was done. Throws a CliError when the router cannot be reached. */
export async function submit({ namespace, name }: Ref, task: Task, { url, token }: RouterAccess): Promise<{ done: boolean; text: string }> {
  const { input, revision, ...rest } = task
  const address = `${url.replace(/\/$/, '')}/v1/namespaces/${namespace}/swarms/${name}/tasks`
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(revision !== undefined && { 'swarm-revision': revision }),
  }
  try {
    const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify({ input: parsed(input), ...rest }) })
    return { done: response.ok, text: await response.text() }
  } catch (cause) {
    throw new CliError(`the router at ${url} cannot be reached: ${reasonOf(cause)}; give its address with --router or SWARM_ROUTER_URL`, {
      cause,
    })
  }
}

/** JSON as it is meant, anything else as a text. */
function parsed(input: string): unknown {
  try {
    return JSON.parse(input) as unknown
  } catch {
    return input
  }
}

/** `fetch` says only that it has failed; why is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

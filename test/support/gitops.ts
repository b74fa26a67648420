import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { load } from 'js-yaml'
import { ensureArgoCd } from '../../dev/tools/argo-cd.ts'
import type { KubeObject } from '../../src/kube/objects.ts'
import { kustomize } from './kubectl.ts'

const ARGOCD_CM = join(import.meta.dirname, '../../deploy/argocd/argocd-cm')

/** What Argo CD shows of an object, and what Flux takes it for. */
export type Read = {
  readonly health?: { readonly status: string; readonly message?: string }
  readonly kstatus: string
}

type Answer = Partial<Read> & {
  readonly actions?: readonly { readonly name: string; readonly disabled?: boolean }[]
  readonly acted?: Readonly<Record<string, unknown>>
  readonly error?: string
}
type Actions = {
  readonly 'discovery.lua': string
  readonly definitions: readonly { readonly name: string; readonly 'action.lua': string }[]
}

/** What the fragment for `argocd-cm` says, by its keys. */
export async function customizations(): Promise<Readonly<Record<string, string>>> {
  const { data } = load(await kustomize(ARGOCD_CM)) as { data: Record<string, string> }
  return data
}

/** Reads objects as Argo CD and Flux do: by their own code, and by our fragment for `argocd-cm`. */
export class GitOpsReader {
  readonly #lua: Readonly<Record<string, string>>
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>
  readonly #lines: Interface
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(programs: string, lua: Readonly<Record<string, string>>) {
    this.#lua = lua
    const env = { ...process.env, GITOPS_TOOLS_PARENT: String(process.pid) }
    this.#child = spawn(join(programs, 'gitops-read'), [], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  static async start(): Promise<GitOpsReader> {
    return new GitOpsReader(await ensureArgoCd(), await customizations())
  }

  /** Its health and its kstatus. */
  async read(object: KubeObject): Promise<Read> {
    const { kstatus = '', health } = await this.#ask(object, { healthLua: this.#of('health', object) })
    return { kstatus, ...(health && { health }) }
  }

  /** The actions that Argo CD offers on it now, in the order of the alphabet. */
  async actions(object: KubeObject): Promise<string[]> {
    const { actions = [] } = await this.#ask(object, { discoveryLua: this.#actionsOf(object)['discovery.lua'] })
    return actions
      .filter(({ disabled }) => !disabled)
      .map(({ name }) => name)
      .sort()
  }

  /** The object as an action leaves it; Argo CD sends the difference as a merge patch, that of the status to the sub-resource. */
  async act<T extends KubeObject>(object: T, action: string): Promise<T> {
    const found = this.#actionsOf(object).definitions.find(({ name }) => name === action)
    if (!found) throw new Error(`${object.kind} has no action ${action}`)
    const { acted } = await this.#ask(object, { actionLua: found['action.lua'] })
    return acted as unknown as T
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    await once(this.#child, 'exit')
    this.#lines.close()
  }

  #of(what: 'health' | 'actions', { kind }: KubeObject): string {
    return this.#lua[`resource.customizations.${what}.swarmops.dev_${kind}`] ?? ''
  }

  #actionsOf(object: KubeObject): Actions {
    return load(this.#of('actions', object)) as Actions
  }

  /** One question after the other: answers come in the order of the questions. */
  async #ask(object: KubeObject, question: Readonly<Record<string, string>>): Promise<Answer> {
    const before = this.#turn
    const asked = (async () => {
      await before
      this.#child.stdin.write(`${JSON.stringify({ object, ...question })}\n`)
      const { value } = await this.#answers.next()
      return JSON.parse(String(value)) as Answer
    })()
    this.#turn = asked.catch(() => undefined)
    const answer = await asked
    if (answer.error !== undefined) throw new Error(`${object.kind} ${object.metadata.name}: ${answer.error}`)
    return answer
  }
}

import { Option, type Command } from 'commander'
import type { Readable } from 'node:stream'
import type { Provider } from '../e2b/provider.ts'
import type { Size } from '../e2b/beside.ts'
import type { KubeClient } from '../kube/client.ts'
import type { Ref } from './fleet.ts'
import type { Look } from './show.ts'
import { inColour, plain } from './table.ts'

/** The flags by which a cluster is chosen. */
export type ClusterFlags = { readonly kubeconfig?: string; readonly context?: string }

/** The terminal that a person sits at. While it is raw each key is passed on as it is, Ctrl-C as well. */
export type Terminal = {
  readonly size: () => Size
  readonly onSize: (listener: (size: Size) => void) => () => void
  readonly setRaw: (isRaw: boolean) => void
}

/** The world outside, as the plugin sees it. */
export type Surroundings = {
  /** Waits while the reader is behind. */
  readonly write: (output: string | Uint8Array) => void | Promise<void>
  readonly writeError: (text: string) => void | Promise<void>
  readonly readInput: () => Promise<string>
  readonly input: Readable
  readonly isTerminal: boolean
  /** There when input comes from a terminal as well. */
  readonly terminal: Terminal | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** The name of who uses the plugin, for others to read. */
  readonly user: () => string
  /** A client, and the namespace of its context. */
  readonly connect: (flags: ClusterFlags) => { client: KubeClient; namespace: string }
  /** The names of the contexts of the kubeconfig. */
  readonly contexts: (flags: ClusterFlags) => readonly string[]
  /** The bearer token with which the kubeconfig would speak to its cluster, if it is one. */
  readonly kubeToken: (flags: ClusterFlags) => Promise<string | undefined>
  /** Loads what talks with E2B, which most commands do without. */
  readonly providers: () => Promise<(apiKey: string) => Provider>
  /** Ends when somebody ends the plugin, which from the first call on waits for what it does then. */
  readonly interrupted: () => AbortSignal
  readonly now: () => number
  /** The version of the plugin. */
  readonly version: string
}

/** Done; not done, as the message says; not understood; ended by a person. A command of `exec` gives its own. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** Flags that all commands have, and the format of those that show something. */
export type Common = ClusterFlags & { readonly namespace?: string; readonly output?: 'json' }

/** A cluster, and the namespace that is meant. */
export type Place = { readonly client: KubeClient; readonly namespace: string }

/** Makes a command with the flags that all have. */
export type Add = (usage: string, description: string) => Command

/** Clears the screen and goes to its beginning (ECMA-48). */
export const CLEAR = '\u001b[2J\u001b[H'

/** A value for programs. */
export const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

/** The flag of commands that show something. */
export const output = () => new Option('-o, --output <FORMAT>', 'json: what was read, for programs').choices(['json'])

/** Does something with a cluster, and lets go of it. */
export async function within<T>(options: Common, around: Surroundings, work: (place: Place) => Promise<T>): Promise<T> {
  const { client, namespace } = around.connect(options)
  try {
    return await work({ client, namespace: options.namespace ?? namespace })
  } finally {
    await client.close()
  }
}

/** Where a swarm is; the kubeconfig is not needed when its namespace is given. */
export async function refOf(name: string, options: Common, around: Surroundings): Promise<Ref> {
  const namespace = options.namespace ?? (await within(options, around, (place) => Promise.resolve(place.namespace)))
  return { namespace, name }
}

/** Colours only on a terminal, and not against NO_COLOR (no-color.org). */
export const lookOf = ({ isTerminal, env, now }: Pick<Surroundings, 'isTerminal' | 'env' | 'now'>): Look => ({
  paint: isTerminal && !env['NO_COLOR'] ? inColour : plain,
  nowMs: now(),
})

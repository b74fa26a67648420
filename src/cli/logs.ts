import { LABEL } from '../api/names.ts'
import type { Agent } from '../api/objects.ts'
import { logCommand } from '../e2b/start-script.ts'
import type { Provider } from '../e2b/provider.ts'
import { OperatorError } from '../errors.ts'
import { Informer } from '../kube/informer.ts'
import { createLog } from '../log.ts'
import { enter, type Keys } from './access.ts'
import { Cleaner } from './clean.ts'
import { AGENTS, CliError, readAgentOrSwarm, type Ref } from './fleet.ts'

/** How much is shown, and whether it goes on. `prefix` puts the agent's name before each line: by default where there are agents of a swarm. */
export type LogOptions = { readonly tail?: number | undefined; readonly follow: boolean; readonly prefix?: boolean | undefined }

/** Where output goes; `isClean`: nothing that steers a terminal goes there. */
export type Out = {
  readonly isClean: boolean
  readonly write: (text: string) => void | Promise<void>
  readonly writeError: (text: string) => void | Promise<void>
  readonly signal: AbortSignal
}

/** Agents whose output is read at once, each over a connection of its own. */
const MOST_AGENTS = 100

/** Lines shown of each agent of a swarm when no number is given; of a single agent it is all. */
const LINES_OF_MANY = 10

/** Longest time that output is followed: nothing is left running for ever in a sandbox after a plugin that was killed. Milliseconds. */
const MOST_MS = 4 * 60 * 60_000

/** Characters of a line without an end that are kept; a longer one is shown in parts. */
const MOST_KEPT = 64 * 1024

/** Shows what an agent, or every agent of a swarm, has written to its standard output and standard error. */
export async function showLogs(ref: Ref, options: LogOptions, keys: Keys, out: Out): Promise<void> {
  const { agents, isSwarm } = await readAgentOrSwarm(keys.client, ref)
  const showOne = async (agent: Agent, how: LogOptions) => show({ agent, keys, ...(await enter(agent, keys)) }, how, out)
  if (!isSwarm) return void (await Promise.all(agents.map(async (agent) => showOne(agent, options))))
  const many = { ...options, prefix: options.prefix ?? true, tail: options.tail ?? LINES_OF_MANY }
  if (options.follow) return followSwarm(ref, many, keys, out)
  const open = agents.filter(hasOutput)
  if (open.length > MOST_AGENTS)
    throw new CliError(`swarm ${ref.name} has ${open.length} agents; name one, at most ${MOST_AGENTS} are read at once`)
  if (open.length === 0)
    throw new CliError(
      `no agent of swarm ${ref.name} runs; kubectl swarm status ${ref.name} shows them, and kubectl swarm logs ${ref.name} --previous ` +
        'the last output of those that are lost (where spec.lifecycle.lastOutput is Event)',
    )
  await Promise.all(open.map(async (agent) => showOne(agent, many)))
}

const hasOutput = ({ status }: Agent): boolean =>
  status?.sandbox?.state === 'Running' && status.sandbox.commandStarted && status.failed === undefined

/** Follows all agents of a swarm, those that come later as well, until somebody ends it. */
async function followSwarm({ namespace, name }: Ref, options: LogOptions, keys: Keys, out: Out): Promise<void> {
  const followed = new Set<string>()
  const entrance = new Entrance(keys, out)
  const failure = Promise.withResolvers<never>()
  const ended = new Promise<void>((resolve) => out.signal.addEventListener('abort', () => resolve(), { once: true }))
  const informer = new Informer<Agent>({
    client: keys.client,
    kind: AGENTS,
    namespaces: [namespace],
    labelSelector: `${LABEL.swarm}=${name}`,
    log: createLog({ level: 'error', shape: 'text' }),
  })
  informer.onChange((type, agent) => {
    const { uid } = agent.metadata
    if (type === 'deleted') return entrance.forget(uid)
    if (followed.has(uid) || !hasOutput(agent) || agent.metadata.deletionTimestamp) return
    if (followed.size >= MOST_AGENTS) return failure.reject(new CliError(`at most ${MOST_AGENTS} agents are followed at once; name one`))
    followed.add(uid)
    entrance
      .enter(agent, () => followed.size === 1)
      .then(async (way) => way && show({ agent, keys, ...way }, options, out))
      .catch(failure.reject)
      .finally(() => followed.delete(uid))
  })
  informer.start()
  try {
    await Promise.race([ended, failure.promise])
  } finally {
    await informer.stop()
  }
}

type Way = Awaited<ReturnType<typeof enter>>

/** Enters the agents of a swarm. One that cannot be entered does not end what is shown of the others. */
class Entrance {
  readonly #keys: Keys
  readonly #out: Out
  #hasEntered = false
  /** What was told of agents that could not be entered, by their UID. */
  readonly #told = new Map<string, string>()

  constructor(keys: Keys, out: Out) {
    this.#keys = keys
    this.#out = out
  }

  /** The way into an agent, or nothing when it was told why there is none. Throws when it is the last one, and none could be entered. */
  async enter(agent: Agent, isLast: () => boolean): Promise<Way | undefined> {
    const { uid, name } = agent.metadata
    try {
      const way = await enter(agent, this.#keys)
      this.#hasEntered = true
      this.forget(uid)
      return way
    } catch (error) {
      if (!(error instanceof CliError || error instanceof OperatorError) || (isLast() && !this.#hasEntered)) throw error
      const message = error.message.includes(name) ? error.message : `agent ${name}: ${error.message}`
      if (this.#told.get(uid) !== message) await this.#out.writeError(`${message}\n`)
      this.#told.set(uid, message)
      return undefined
    }
  }

  forget(uid: string): void {
    this.#told.delete(uid)
  }
}

type Shown = Way & { readonly agent: Agent; readonly keys: Keys }

async function show({ agent, keys, provider, session }: Shown, { tail, follow, prefix }: LogOptions, out: Out): Promise<void> {
  const lines = prefix ? new Lines(`[${agent.metadata.name}] `, out.write) : undefined
  const write = async (text: string) => (lines ? lines.add(text) : out.write(text))
  const [said, complained] = out.isClean ? [new Cleaner(), new Cleaner()] : []
  const run = {
    command: logCommand({ tail, follow }),
    stdout: said ? async (text: string) => write(said.add(text)) : write,
    stderr: complained ? async (text: string) => out.writeError(complained.add(text)) : out.writeError,
  }
  let failure: OperatorError | undefined
  try {
    await provider.runBeside(session, { ...run, signal: out.signal, timeoutMs: MOST_MS })
  } catch (error) {
    if (!follow || !(error instanceof OperatorError)) throw error
    failure = error
  }
  if (said) await write(said.end())
  await lines?.end()
  if (!follow || out.signal.aborted) return
  // Nothing but the end of its sandbox ends what follows it, or a connection that broke.
  const why = await whyOver(agent, provider, keys)
  if (why === undefined)
    throw failure ?? new CliError(`the output of agent ${agent.metadata.name} has ended before its time; follow it again`)
  await out.writeError(`agent ${agent.metadata.name} ${why}\n`)
}

/** Why the output of an agent is over; undefined when it still runs as it did. */
async function whyOver({ metadata, status }: Agent, provider: Provider, { client }: Keys): Promise<string | undefined> {
  const now = await client.get(AGENTS, metadata)
  if (!now || now.metadata.uid !== metadata.uid || now.metadata.deletionTimestamp) return 'has ended'
  if (now.status?.failed) return `is lost: ${now.status.failed.reason}`
  const sandbox = await provider.get(status?.sandbox?.id ?? '')
  if (!sandbox) return 'is lost: its sandbox is gone'
  return sandbox.state === 'paused' ? 'was paused' : undefined
}

/** Puts a word before every line, however the text comes in pieces. */
export class Lines {
  readonly #prefix: string
  readonly #write: (text: string) => void | Promise<void>
  #rest = ''

  constructor(prefix: string, write: (text: string) => void | Promise<void>) {
    this.#prefix = prefix
    this.#write = write
  }

  /** Writes the lines that are whole by now. */
  async add(text: string): Promise<void> {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > MOST_KEPT) lines.push(this.#take())
    if (lines.length > 0) await this.#write(lines.map((line) => `${this.#prefix}${line}\n`).join(''))
  }

  /** Writes what has no end. */
  async end(): Promise<void> {
    if (this.#rest !== '') await this.#write(`${this.#prefix}${this.#take()}\n`)
  }

  #take(): string {
    const rest = this.#rest
    this.#rest = ''
    return rest
  }
}

import { expect } from 'chai'
import { describe, it } from 'mocha'
import { type Command, type CommandEnd, commandEnd, CommandTable, Output, type Sink } from './command.ts'
import { ENDED_COMMANDS_KEPT } from './limits.ts'

describe('commandEnd', () => {
  const cases: Record<string, { code: number | null; signal: NodeJS.Signals | null; want: CommandEnd }> = {
    'has no error for 0': { code: 0, signal: null, want: { exitCode: 0, exited: true, status: 'exit status 0' } },
    'tells another code': { code: 3, signal: null, want: { exitCode: 3, exited: true, status: 'exit status 3', error: 'exit status 3' } },
    'tells a kill': {
      code: null,
      signal: 'SIGKILL',
      want: { exitCode: -1, exited: false, status: 'signal: killed', error: 'signal: killed' },
    },
    'tells an end on request': {
      code: null,
      signal: 'SIGTERM',
      want: { exitCode: -1, exited: false, status: 'signal: terminated', error: 'signal: terminated' },
    },
    'gives a rare signal its name': {
      code: null,
      signal: 'SIGUSR1',
      want: { exitCode: -1, exited: false, status: 'signal: SIGUSR1', error: 'signal: SIGUSR1' },
    },
  }
  for (const [name, { code, signal, want }] of Object.entries(cases)) it(name, () => expect(commandEnd(code, signal)).to.deep.equal(want))
})

const END = commandEnd(0, null)

/** A listener that takes so many pieces before it asks for a pause, and what it was told. */
function listener(takes = Infinity): Sink & { seen: string[] } {
  const seen: string[] = []
  return {
    seen,
    data: (kind, bytes) => seen.push(`${kind} ${bytes.toString()}`) < takes,
    end: (end) => void seen.push(end.status),
  }
}

describe('Output', () => {
  const publish = (output: Output, text: string) => output.publish('stdout', Buffer.from(text))

  it('tells every listener everything from its beginning on', () => {
    const output = new Output(() => undefined)
    const [early, late] = [listener(), listener()]
    output.subscribe(early)
    publish(output, 'a')
    output.subscribe(late)
    publish(output, 'b')
    output.finish(END)
    expect([early.seen, late.seen]).to.deep.equal([
      ['stdout a', 'stdout b', 'exit status 0'],
      ['stdout b', 'exit status 0'],
    ])
  })

  it('tells one who comes after the end how it ended', () => {
    const output = new Output(() => undefined)
    output.finish(END)
    output.finish(commandEnd(1, null))
    const late = listener()
    output.subscribe(late)
    expect([late.seen, output.end]).to.deep.equal([['exit status 0'], END])
  })

  it('flows on only when the last one who asked for a pause goes on or leaves', () => {
    const flow: boolean[] = []
    const output = new Output((flowing) => flow.push(flowing))
    const [one, other] = [output.subscribe(listener(1)), output.subscribe(listener(1))]
    publish(output, 'a')
    one.resume()
    expect(flow).to.deep.equal([false])
    other.close()
    expect(flow).to.deep.equal([false, true])
  })

  it('tells nothing to one who has left', () => {
    const output = new Output(() => undefined)
    const gone = listener()
    output.subscribe(gone).close()
    publish(output, 'a')
    output.finish(END)
    expect(gone.seen).to.deep.equal([])
  })
})

describe('CommandTable', () => {
  const command = (pid: number, tag?: string): Command => ({
    pid,
    tag,
    config: { cmd: 'x', args: [], envs: {} },
    output: new Output(() => undefined),
    timedOut: false,
    write: async () => Promise.resolve(),
    closeStdin: () => undefined,
    resize: () => undefined,
    signal: () => undefined,
  })
  const pidOf = (table: CommandTable, pid: number | undefined, tag?: string, which?: 'running' | 'ended') =>
    table.find({ pid, tag }, which).pid

  it('finds running commands by number and by tag, the newest of a tag', () => {
    const table = new CommandTable()
    for (const one of [command(1, 'a'), command(2, 'a'), command(3)]) table.add(one)
    expect([pidOf(table, 1), pidOf(table, undefined, 'a'), table.size]).to.deep.equal([1, 2, 3])
    expect(() => pidOf(table, 4)).to.throw('process with pid 4 not found')
    expect(() => pidOf(table, undefined, 'b')).to.throw('process with tag "b" not found')
  })

  it('finds ended commands only for one who asks for them', () => {
    const table = new CommandTable()
    const ended = command(1)
    table.add(ended)
    ended.output.finish(END)
    expect([table.size, pidOf(table, 1, undefined, 'ended')]).to.deep.equal([0, 1])
    expect(() => pidOf(table, 1)).to.throw('not found')
  })

  it('forgets the oldest of the ended ones', () => {
    const table = new CommandTable()
    for (let pid = 1; pid <= ENDED_COMMANDS_KEPT + 1; pid++) {
      const one = command(pid)
      table.add(one)
      one.output.finish(END)
    }
    expect(() => pidOf(table, 1, undefined, 'ended')).to.throw('not found')
    expect(pidOf(table, 2, undefined, 'ended')).to.equal(2)
  })

  it('takes a number that the system gives out again for the new command', () => {
    const table = new CommandTable()
    const [former, present] = [command(7, 'former'), command(7, 'present')]
    table.add(former)
    former.output.finish(END)
    table.add(present)
    expect(table.find({ pid: 7, tag: undefined }, 'ended').tag).to.equal('present')
  })
})

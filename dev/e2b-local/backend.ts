import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Command, CommandTable, StartCommand } from './command.ts'
import type { EntryInfo } from './entry.ts'

/** The files of one sandbox, by paths as the sandbox sees them. */
export type FileStore = {
  readonly read: (path: string) => Promise<{ size: number; name: string; content: Readable }>
  readonly write: (path: string, content: Readable, metadata?: Readonly<Record<string, string>>) => Promise<EntryInfo>
  readonly stat: (path: string) => Promise<EntryInfo>
  readonly list: (path: string, depth: number) => Promise<EntryInfo[]>
  readonly makeDir: (path: string) => Promise<EntryInfo>
  readonly move: (source: string, destination: string) => Promise<EntryInfo>
  readonly remove: (path: string) => Promise<void>
  /** Calls back for every change until the returned function is called. */
  readonly watch: (path: string, recursive: boolean, onEvent: (event: FileEvent) => void) => Promise<() => void>
}

/** A change in a watched directory; the name is relative to it. */
export type FileEvent = { readonly name: string; readonly type: FileEventType; readonly path: string }

/** The kinds of change, in envd's words. */
export type FileEventType = 'EVENT_TYPE_CREATE' | 'EVENT_TYPE_WRITE' | 'EVENT_TYPE_REMOVE' | 'EVENT_TYPE_RENAME' | 'EVENT_TYPE_CHMOD'

/** What is behind a sandbox: real processes and a directory, or, in light mode, neither. */
export type Backend = {
  readonly files: FileStore
  readonly commands: CommandTable
  readonly start: (request: StartCommand) => Promise<Command>
  /** The local port behind a sandbox's port; undefined when nothing was started for it. */
  readonly portOf: (port: number) => number | undefined
  /** Answers requests to ports without a process behind them; only light mode has it. */
  readonly answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  readonly pids: () => number[]
  readonly freeze: () => Promise<void>
  readonly thaw: () => Promise<void>
  /** Ends every process and removes every file. */
  readonly end: () => Promise<void>
}

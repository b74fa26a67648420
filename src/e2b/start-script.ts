import { LOG_BYTES, LOG_TAIL_BYTES } from './limits.ts'
import type { Exit } from './types.ts'

/** Bytes that the log's writer takes at once; small, so that output shows up at once. */
const BLOCK_BYTES = 4_096

/** Blocks until the log's writer looks at the size of the log. */
const BLOCKS = 256

/** Seconds between two looks at a log that is followed; shells without fractions take a whole one. */
const LOOK_SECONDS = 0.3

/**
 * Runs its arguments after the first as the agent, once for each value of the first: `mkdir` either makes the lock or
 * fails, whoever asks at the same time. The lock carries the sandbox's id, because a template may have been made from
 * a sandbox in which an agent ran. Output goes through a pipe into a log of at most two files; `dd` writes as it
 * reads. Nothing in the script comes from outside.
 */
const START = `umask 077
d="$HOME/.swarm"
mkdir -p "$d" || exit 70
mkdir "$d/started-$1" 2>/dev/null || exit 0
shift
rm -f "$d/exit" "$d/pid" "$d/pipe" "$d/agent.log" "$d/agent.log.1"
mkfifo "$d/pipe" || exit 70
{
  before=none
  while :; do
    dd bs=${BLOCK_BYTES} count=${BLOCKS} >>"$d/agent.log"
    size=$(wc -c <"$d/agent.log")
    [ "$size" = "$before" ] && break
    before=$size
    if [ "$size" -ge ${LOG_BYTES} ]; then
      mv -f "$d/agent.log" "$d/agent.log.1"
      : >"$d/agent.log"
      before=none
    fi
  done <"$d/pipe"
} >/dev/null 2>&1 &
echo $$ >"$d/pid"
(umask 022; exec "$@") </dev/null >"$d/pipe" 2>&1
echo $? >"$d/exit.new"
mv -f "$d/exit.new" "$d/exit"`

/** Tells in its first line the exit code, `running` or `gone` (no process and no code), then the end of the log. */
const LOOK = `d="$HOME/.swarm"
if [ -s "$d/exit" ]; then cat "$d/exit"
elif [ ! -s "$d/pid" ]; then echo running
elif kill -0 "$(cat "$d/pid")" 2>/dev/null; then echo running
elif [ -s "$d/exit" ]; then cat "$d/exit"
else echo gone
fi
cat "$d/agent.log.1" "$d/agent.log" 2>/dev/null | tail -c ${LOG_TAIL_BYTES}`

/**
 * Shows the end of the log, both of its files together, and perhaps what comes: it keeps the file open and reads on, to its end also
 * when the log is turned over, which `tail -F` does not. Nothing in the script comes from outside.
 */
const LOG = `d="$HOME/.swarm"
lines() { if [ "$1" = all ]; then cat; else tail -n "$1"; fi; }
if [ "$2" != follow ]; then cat "$d/agent.log.1" "$d/agent.log" 2>/dev/null | lines "$1"; exit 0; fi
until [ -e "$d/agent.log" ]; do sleep 1; done
exec 3<"$d/agent.log"
{ cat "$d/agent.log.1" 2>/dev/null; cat <&3; } | lines "$1"
while :; do
  sleep ${LOOK_SECONDS} 2>/dev/null || sleep 1
  [ -e "$d/agent.log" ] || continue
  if [ /proc/self/fd/3 -ef "$d/agent.log" ]; then cat <&3; continue; fi
  cat <&3
  [ /proc/self/fd/3 -ef "$d/agent.log.1" ] || echo 'output came faster than it was read: some of it is missing here' >&2
  exec 3<"$d/agent.log"
done`

/** The shell command that shows the last lines of the agent's output, or all that is kept of it, and perhaps all that comes. */
export function logCommand({ tail, follow }: { readonly tail?: number | undefined; readonly follow?: boolean | undefined }): string {
  return ['exec', 'sh', '-c', quote(LOG), 'swarm-log', tail ?? 'all', follow ? 'follow' : 'once'].join(' ')
}

/** The words of a command as one for a shell, which it replaces. */
export const execCommand = (words: readonly string[]): string => ['exec', ...words.map(quote)].join(' ')

/** One word for a POSIX shell, whatever is in it. A NUL cannot be in an argument of a process. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** The shell command that starts the agent in the sandbox of this id, at most once. */
export function startCommand(sandboxId: string, command: readonly string[]): string {
  return ['exec', 'sh', '-c', quote(START), 'swarm-agent', quote(sandboxId), ...command.map(quote)].join(' ')
}

/** The shell command whose output `exitFrom` reads. */
export const LOOK_COMMAND = `exec sh -c ${quote(LOOK)}`

/** What the output of `LOOK_COMMAND` says; undefined when it says nothing of the kind. */
export function exitFrom(stdout: string): Exit | undefined {
  const end = stdout.indexOf('\n')
  const word = end < 0 ? stdout : stdout.slice(0, end)
  if (word === 'running') return { exited: false }
  if (word !== 'gone' && !/^[0-9]+$/.test(word)) return undefined
  const logTail = end < 0 ? '' : stdout.slice(end + 1)
  return { exited: true, ...(word !== 'gone' && { code: Number(word) }), logTail }
}

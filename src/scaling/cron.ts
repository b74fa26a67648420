import { Cron } from 'croner'

/** A time in which a number of agents is wanted, as spec.metrics[].cron has it. */
export type Timetable = { readonly timeZone: string; readonly start: string; readonly end: string; readonly replicas: number }

/** Whether the time is on, and when that changes next, in Unix milliseconds; absent when it never does. */
export type CronState = { readonly isActive: boolean; readonly changesAtMs?: number }

/** A timetable that cannot be read; the message says which part, and what to write. */
export class TimetableError extends Error {
  override readonly name = 'TimetableError'
}

/** A timetable, ready to be asked. Throws a TimetableError. */
export function readTimetable({ timeZone, start, end }: Timetable): (nowMs: number) => CronState {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch (error) {
    throw new TimetableError(`the time zone ${timeZone} is not known; write one of the IANA database, such as Europe/Berlin`, {
      cause: error,
    })
  }
  const from = parse('start', start, timeZone)
  const to = parse('end', end, timeZone)
  return (nowMs) => stateOf(from, to, nowMs)
}

/** The time is on when it ends before it begins again. At the minute of start it is on, at that of end it is over. */
function stateOf(from: Cron, to: Cron, nowMs: number): CronState {
  const startsMs = next(from, nowMs)
  const endsMs = next(to, nowMs)
  if (startsMs === undefined && endsMs === undefined) return { isActive: false }
  const isTie = startsMs === endsMs
  const isActive = isTie ? last(from, nowMs) > last(to, nowMs) : (endsMs ?? Infinity) < (startsMs ?? Infinity)
  return { isActive, changesAtMs: Math.min(startsMs ?? Infinity, endsMs ?? Infinity) }
}

/** The first time after `nowMs`. In summer time a skipped time is made up for by the moment after the gap, and one that comes twice counts once. */
function next(cron: Cron, nowMs: number): number | undefined {
  return cron.nextRun(new Date(nowMs))?.getTime()
}

/** The last time up to `nowMs`; only needed where the next start and the next end are the same moment. */
const last = (cron: Cron, nowMs: number): number => cron.previousRuns(1, new Date(nowMs))[0]?.getTime() ?? -Infinity

function parse(field: 'start' | 'end', pattern: string, timezone: string): Cron {
  try {
    return new Cron(pattern, { timezone, mode: '5-part', paused: true })
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error)
    throw new TimetableError(`cron.${field} ${JSON.stringify(pattern)} cannot be read (${why}); write it such as 30 8 * * 1-5`, {
      cause: error,
    })
  }
}

import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readRecord, isRunning, recordProcess } from './process-record.ts'

const POLL_MS = 200

/**
 * Runs `work` while this process alone holds the lock file. `waiting` is called once if another one holds it.
 * A lock whose holder is gone is taken over.
 */
export async function withLock<T>(file: string, work: () => Promise<T>, waiting: (pid: number) => void = () => undefined): Promise<T> {
  mkdirSync(dirname(file), { recursive: true })
  let told = false
  while (!tryLock(file)) {
    const holder = readRecord(file)
    if (holder && isRunning(holder)) {
      if (!told) waiting(holder.pid)
      told = true
      await sleep(POLL_MS)
    } else if (holder) {
      removeStale(file, holder.pid)
    }
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

// The record is complete before it gets the lock's name, so nobody reads half of one and takes it for stale.
function tryLock(file: string): boolean {
  const mine = `${file}.${process.pid}`
  recordProcess(process.pid, mine)
  try {
    linkSync(mine, file)
    return true
  } catch {
    return false
  } finally {
    rmSync(mine, { force: true })
  }
}

// Of two who see the same stale lock one may already have taken it over: what was moved aside is looked at again, and put back.
function removeStale(file: string, stalePid: number): void {
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
    if (readRecord(aside)?.pid !== stalePid) linkSync(aside, file)
  } catch {
    // Somebody else was first.
  } finally {
    rmSync(aside, { force: true })
  }
}

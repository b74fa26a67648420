import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { markedProcesses, signalIfAlive } from './markers.ts'

/** The file in the data directory that names the server whose sandboxes live there, and the process that it is. */
const OWNER_FILE = 'server-id'

/** The data directory belongs to a server that is alive. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError'
}

/**
 * Makes the data directory ours: what a server that was killed has left there, processes and files, is ended first.
 * Only that server's: the directory says which one it was. Refuses a directory whose server is still alive.
 */
export async function takeOver(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, OWNER_FILE)
  const owner = await readFile(file, 'utf8').catch(() => '')
  const { serverId: former, pid, startedAt } = ownerOf(owner)
  if (pid !== undefined && startedAt !== '' && (await startOf(pid)) === startedAt)
    throw new DataDirInUseError(`the data directory ${directory} is in use by the server with process id ${pid}`)
  if (former !== '') await endLeftovers(directory, former)
  const serverId = randomBytes(8).toString('hex')
  await writeFile(file, `${serverId}\n${process.pid}\n${await startOf(process.pid)}\n`, { mode: 0o600 })
  return serverId
}

/** Gives the directory up: another server may have it. */
export async function giveUp(directory: string): Promise<void> {
  await rm(join(directory, OWNER_FILE), { force: true })
}

/** Removes a directory whatever is in it: directories that may not be written to as well, such as those of package caches. */
export async function removeTree(directory: string): Promise<void> {
  const remove = async () => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  await remove().catch(async () => {
    await makeWritable(directory)
    await remove()
  })
}

async function makeWritable(directory: string): Promise<void> {
  const isDirectory = await lstat(directory).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isDirectory) return
  await chmod(directory, 0o700)
  for (const name of await readdir(directory)) await makeWritable(join(directory, name))
}

/** What the owner file says. */
export function ownerOf(text: string): { serverId: string; pid: number | undefined; startedAt: string } {
  const [serverId = '', pid = '', startedAt = ''] = text.split('\n').map((line) => line.trim())
  return { serverId, pid: /^\d+$/.test(pid) ? Number(pid) : undefined, startedAt }
}

/** When a process began, which tells it from a later one with the same number; empty when there is none. */
async function startOf(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }))
  return stdout.trim()
}

async function endLeftovers(directory: string, serverId: string): Promise<void> {
  for (;;) {
    const left = (await markedProcesses()).filter((process) => process.serverId === serverId)
    if (left.length === 0) break
    for (const { pid } of left) signalIfAlive(pid, 'SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const names = (await readdir(directory)).filter((name) => /^i[a-z0-9]{20}$/.test(name))
  await Promise.all(names.map(async (name) => removeTree(join(directory, name))))
}

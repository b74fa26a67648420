import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { outputOf } from '../cluster/output-of.ts'

/** What a slim Debian has that our programs and the agents of e2b-local use: a shell, small tools, and Node's libraries. */
const PACKAGES =
  'base-files bash coreutils dash debianutils findutils grep libacl1 libattr1 libc-bin libc6 libgcc-s1 libgmp10 libpcre2-8-0 libselinux1 libstdc++6 libtinfo6 ncurses-base sed zlib1g'.split(
    ' ',
  )
/** Count it up when the code below makes another base of the same packages. */
const LAYOUT = 2
const MERGED = ['bin', 'sbin', 'lib', 'lib64']
const ACCOUNTS = { passwd: 'root:x:0:0:root:/root:/bin/bash\n', group: 'root:x:0:\n', 'nsswitch.conf': 'hosts: files dns\n' }
const APT_LIMIT_MS = 180_000

/** Directories that stand in for the two images that the Dockerfile starts from, where no registry can be reached. */
export interface BaseTrees {
  /** A small Debian. */
  readonly base: string
  /** The same with Node and npm. */
  readonly node: string
}

/** Assembles both from Debian packages and from this machine's Node and npm, once. */
export async function ensureBaseTrees(say: (line: string) => void): Promise<BaseTrees> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const hash = createHash('sha256').update(`${LAYOUT} ${PACKAGES.join()} ${JSON.stringify(ACCOUNTS)} ${process.version}`)
  const target = join(cache, 'swarm-operator', `image-base-${hash.digest('hex').slice(0, 16)}`)
  await withLock(`${target}.lock`, () => {
    if (!existsSync(target)) assemble(target, say)
    return Promise.resolve()
  })
  return { base: join(target, 'base'), node: join(target, 'node') }
}

function assemble(target: string, say: (line: string) => void): void {
  const parts = `${target}.building`
  rmSync(parts, { recursive: true, force: true })
  const [base, node, packages] = [join(parts, 'base'), join(parts, 'node'), join(parts, 'packages')]
  for (const directory of [base, packages]) mkdirSync(directory, { recursive: true })
  say(`no image registry answers: assembling a base from ${PACKAGES.length} Debian packages`)
  download(packages)
  for (const name of MERGED) {
    mkdirSync(join(base, 'usr', name), { recursive: true })
    symlinkSync(`usr/${name}`, join(base, name))
  }
  const files = readdirSync(packages).map((file) => join(packages, file))
  for (const file of files) unpack(file, base)
  mkdirSync(join(base, 'var/lib/dpkg'), { recursive: true })
  writeFileSync(join(base, 'var/lib/dpkg/status'), files.map(installed).join('\n'))
  if (!exists(join(base, 'bin/sh'))) symlinkSync('dash', join(base, 'bin/sh'))
  for (const [file, text] of Object.entries(ACCOUNTS)) writeFileSync(join(base, 'etc', file), text)
  for (const directory of ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info'])
    rmSync(join(base, directory), { recursive: true, force: true })
  mkdirSync(join(base, 'tmp'), { recursive: true })
  chmodSync(join(base, 'tmp'), 0o1777)
  cpSync(base, node, { recursive: true, verbatimSymlinks: true })
  chmodSync(join(node, 'tmp'), 0o1777)
  addNode(node)
  rmSync(packages, { recursive: true })
  renameSync(parts, target)
}

function download(directory: string): void {
  const get = () =>
    execFileSync('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...PACKAGES], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: APT_LIMIT_MS,
    })
  try {
    get()
  } catch {
    // The lists may name versions that have been replaced since.
    try {
      execFileSync('apt-get', ['-qq', 'update'], { stdio: ['ignore', 'ignore', 'pipe'], timeout: APT_LIMIT_MS })
      get()
    } catch (cause) {
      throw new Error(
        'a base image can neither be pulled nor assembled here: that takes Debian or Ubuntu, root, and a package mirror that answers; ' +
          'with Docker run: docker build -t swarm-operator .',
        { cause },
      )
    }
  }
}

// The links of a merged /usr are there first and stay.
function unpack(file: string, root: string): void {
  const files = execFileSync('dpkg-deb', ['--fsys-tarfile', file], { maxBuffer: 256 * 1024 * 1024 })
  execFileSync('tar', ['-x', '--keep-directory-symlink', '-C', root], { input: files, stdio: ['pipe', 'ignore', 'inherit'] })
}

/** What dpkg would have written down of the package: scanners of images look there. */
function installed(file: string): string {
  const about = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' })
  return about.replace(/^(Package: .*\n)/m, '$1Status: install ok installed\n')
}

function addNode(root: string): void {
  const program = outputOf('sh', ['-c', 'command -v npm'])?.trim()
  if (!program) throw new Error('npm was not found; it comes with Node.js: https://nodejs.org')
  const npm = dirname(dirname(realpathSync(program)))
  const local = join(root, 'usr/local')
  mkdirSync(join(local, 'bin'), { recursive: true })
  mkdirSync(join(local, 'lib/node_modules'), { recursive: true })
  cpSync(realpathSync(process.execPath), join(local, 'bin/node'))
  chmodSync(join(local, 'bin/node'), 0o755)
  cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true })
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'))
}

function exists(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined
}

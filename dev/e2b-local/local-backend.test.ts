import { expect } from 'chai'
import { describe, it } from 'mocha'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalBackend } from './local-backend.ts'
import { LocalPorts } from './ports.ts'

/** Numbers that no process has. */
const NOBODY = 2 ** 30

describe('a sandbox of real processes', () => {
  /** Runs something on one in which each look finds the given number of processes; tells how often it looked. */
  async function looksOf(found: number[], run: (backend: LocalBackend) => Promise<void>): Promise<number> {
    const dataDir = mkdtempSync(join(tmpdir(), 'e2b-local-test-'))
    let looks = 0
    const scan = async () => {
      const count = found[Math.min(looks++, found.length - 1)] ?? 0
      return Promise.resolve(Array.from({ length: count }, (_, i) => ({ pid: NOBODY + i, serverId: 's1', sandboxId: 'i1' })))
    }
    const host = { serverId: 's1', dataDir, ports: new LocalPorts(), scanner: { scan } }
    try {
      await run(await LocalBackend.create(host, { id: 'i1', templateId: 'base', envs: {} }))
      return looks
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  }

  it('is frozen only when a look finds nothing new', async () => {
    expect(await looksOf([1, 2, 3, 3], async (backend) => backend.freeze())).to.equal(4)
    expect(await looksOf([0], async (backend) => backend.freeze())).to.equal(1)
  })

  it('has ended only when a look finds nothing', async () => {
    expect(await looksOf([2, 1, 1, 0], async (backend) => backend.end())).to.equal(4)
  })

  it('leaves no file open that it has read, an empty one neither', async () => {
    const open = () => readdirSync('/dev/fd').length
    await looksOf([0], async ({ files }) => {
      const { content } = await files.read('.profile')
      await content.toArray()
      await files.write('empty', (await files.read('.profile')).content.take(0))
      const before = open()
      for (let i = 0; i < 50; i++) await (await files.read('empty')).content.toArray()
      expect(open()).to.be.at.most(before)
    })
  })
})

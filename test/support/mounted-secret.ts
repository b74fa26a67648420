import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'

/** A Secret of type kubernetes.io/tls as a kubelet mounts it: links through one link, which is swapped when the Secret changes. */
export class MountedSecret {
  readonly folder = mkdtempSync(join(tmpdir(), 'swarm-secret-'))
  readonly certFile = join(this.folder, 'tls.crt')
  readonly keyFile = join(this.folder, 'tls.key')
  #version = 0

  constructor(certificate: Certificate) {
    this.write(certificate)
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(this.folder, name))
  }

  /** Puts another certificate in its place, both files at once. */
  write({ cert, key }: Certificate): void {
    const version = `..version-${(this.#version += 1)}`
    mkdirSync(join(this.folder, version))
    writeFileSync(join(this.folder, version, 'tls.crt'), cert)
    writeFileSync(join(this.folder, version, 'tls.key'), key, { mode: 0o600 })
    symlinkSync(version, join(this.folder, '..data_tmp'))
    renameSync(join(this.folder, '..data_tmp'), join(this.folder, '..data'))
    if (this.#version > 1) rmSync(join(this.folder, `..version-${this.#version - 1}`), { recursive: true })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}

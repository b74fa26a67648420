import { X509Certificate } from 'node:crypto'
import { readFileSync, watch, type FSWatcher } from 'node:fs'
import type { RequestListener, Server as HttpServer } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Logger } from 'winston'
import { CERTIFICATE_MS } from './limits.ts'

/** Where the certificate (with those that vouch for it, in PEM) and its key are. */
export type CertificateOptions = {
  readonly certFile: string
  readonly keyFile: string
  readonly log: Logger
  readonly registry: Registry
}

type Pair = { readonly cert: string; readonly key: string; readonly expiresMs: number }

/**
 * A certificate in files, which are read again when they change: Kubernetes swaps those of a Secret all at once. One that cannot be
 * used changes nothing; connections that are open stay as they are.
 */
export class Certificate {
  readonly #o: CertificateOptions
  readonly #failures: Counter
  readonly #watchers: FSWatcher[] = []
  readonly #poll: NodeJS.Timeout
  #pair: Pair
  #server: ReturnType<typeof createServer> | undefined
  #soon: NodeJS.Timeout | undefined
  #lastTrouble = ''

  /** Throws when the files cannot be used. */
  constructor(options: CertificateOptions) {
    this.#o = options
    this.#pair = read(options)
    const registers = [options.registry]
    this.#failures = new Counter({
      name: 'swarmops_tls_reload_failures_total',
      help: 'Times that a changed certificate could not be used, so that the last one stays.',
      registers,
    })
    const expiresMs = () => this.#pair.expiresMs
    new Gauge({
      name: 'swarmops_tls_certificate_expiry_seconds',
      help: 'When the certificate expires, in seconds since 1970.',
      registers,
      collect() {
        this.set(expiresMs() / 1_000)
      },
    })
    this.#watch()
    this.#poll = setInterval(() => this.#look(), CERTIFICATE_MS.look).unref() // not every file system tells of changes
  }

  /** The HTTP server with this certificate, whichever it is at the time; the files are followed until it closes. */
  serve(options: ServerOptions, listener: RequestListener): HttpServer {
    this.#server = createServer({ ...options, ...this.#context, handshakeTimeout: CERTIFICATE_MS.handshake }, listener)
    return this.#server.on('close', () => this.#stop())
  }

  /** Looks at the files no more. */
  #stop(): void {
    for (const watcher of this.#watchers) watcher.close()
    clearInterval(this.#poll)
    clearTimeout(this.#soon)
  }

  get #context() {
    const { cert, key } = this.#pair
    return { cert, key, minVersion: 'TLSv1.2' } as const
  }

  /** The folders are watched: in a mounted Secret the files are links through a link, and only that one changes. */
  #watch(): void {
    const { certFile, keyFile, log } = this.#o
    for (const folder of new Set([dirname(certFile), dirname(keyFile)])) {
      const watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(this.#soon)
        this.#soon = setTimeout(() => this.#look(), CERTIFICATE_MS.settle).unref()
      })
      watcher.on('error', (error) => log.warn('the folder of the certificate cannot be watched', { folder, error }))
      this.#watchers.push(watcher)
    }
  }

  #look(): void {
    const { log, certFile } = this.#o
    try {
      const pair = read(this.#o)
      this.#lastTrouble = ''
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return
      this.#pair = pair
      this.#server?.setSecureContext(this.#context)
      log.info('certificate has changed', { file: certFile, expires: new Date(pair.expiresMs).toISOString() })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (why === this.#lastTrouble) return
      this.#lastTrouble = why
      this.#failures.inc()
      log.error('certificate cannot be used, the last one stays', {
        file: certFile,
        why,
        expires: new Date(this.#pair.expiresMs).toISOString(),
      })
    }
  }
}

function read({ certFile, keyFile }: CertificateOptions): Pair {
  const [cert, key] = [certFile, keyFile].map(textOf)
  if (cert === undefined || key === undefined) throw new Error('there are no files')
  try {
    createSecureContext({ cert, key })
    const expiresMs = Date.parse(new X509Certificate(cert).validTo)
    if (expiresMs > Date.now()) return { cert, key, expiresMs }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${certFile} and ${keyFile} are not a certificate and its key in PEM: ${why}`, { cause })
  }
  throw new Error(`the certificate in ${certFile} has expired`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

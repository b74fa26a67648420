/** A source did not give what it was asked for. The message says which address, what happened and what to do, and holds no secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  /** The connection failed, so that another server for the same thing may do better. */
  readonly isUnreachable: boolean

  constructor(message: string, { isUnreachable = false }: { readonly isUnreachable?: boolean } = {}) {
    super(message)
    this.isUnreachable = isUnreachable
  }
}

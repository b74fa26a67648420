/** A source did not give what it was asked for. The message says which address, what happened and what to do, and holds no secret. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

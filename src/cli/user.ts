/** The name of a user: what `read` knows, else USER, else the number. In a container a user need not have a name, and then `read` throws. */
export function userName(read: () => string, env: Readonly<Record<string, string | undefined>>, uid: number | undefined): string {
  try {
    return read()
  } catch {
    return env['USER'] || `uid ${uid ?? 'unknown'}`
  }
}

/**
 * The value that keys and indices, divided by dots, lead to, such as `data.0.errors`; all of it for an empty path. Undefined where nothing
 * is. Only what is in the document counts, never what every object inherits.
 */
export function valueAt(json: unknown, path = ''): unknown {
  if (path === '') return json
  let value = json
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    if (Array.isArray(value) && !/^\d+$/.test(key)) return undefined
    value = Object.getOwnPropertyDescriptor(value, key)?.value
  }
  return value
}

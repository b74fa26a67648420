/** Puts the two revisions where `{{revision}}` and `{{stable}}` stand; whatever else is in braces stays as it is. */
export function fillIn(text: string, { target, stable }: { target: string; stable: string }, encode = (value: string) => value): string {
  return text.replaceAll(/\{\{ *(revision|stable) *\}\}/g, (_, name) => encode(name === 'stable' ? stable : target))
}

/** What a sandbox is given. */
export type Size = { readonly cpuCount: number; readonly memoryMB: number; readonly diskSizeMB: number }

/** The size of sandboxes whose template does not say another. */
export const SIZE: Size = { cpuCount: 2, memoryMB: 512, diskSizeMB: 2560 }

/** A template as it is given at the start, `name` or `name=CPUSxMEGABYTES`; a sentence when it is not one. */
export function parseTemplate(text: string): readonly [name: string, size: Size] | string {
  const [, name, cpus, memory] = /^([^=]+)(?:=([1-9]\d?)x([1-9]\d{2,5}))?$/.exec(text) ?? []
  if (name === undefined) return `${JSON.stringify(text)} is not a template; write its name, or name=CPUSxMEGABYTES such as large=8x8192`
  return [name, cpus === undefined ? SIZE : { ...SIZE, cpuCount: Number(cpus), memoryMB: Number(memory) }]
}

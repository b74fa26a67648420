import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { loadAll } from 'js-yaml'
import { ensureHelm } from '../../dev/tools/helm.ts'

/** The chart of this repository. */
export const CHART = join(import.meta.dirname, '../../charts/swarm-operator')

/** An object of a rendered manifest, before any API server has seen it. */
export type Rendered = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> }
  [field: string]: unknown
}

/** Values as `--set` takes them, such as `{ 'router.replicas': '3' }`. */
export type Values = Readonly<Record<string, string>>

/** What Helm said, and whether it was content. */
export type HelmRun = { code: number; stdout: string; stderr: string }

/** Runs Helm. */
export async function helm(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<HelmRun> {
  const program = await ensureHelm()
  const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } }
  return promisify(execFile)(program, [...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: error.code ?? 1,
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? '',
    }),
  )
}

/** Values as arguments of Helm. */
export function setValues(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
}

/** What the chart renders for a release `release` in a namespace. Throws what Helm complains about. */
export async function render(namespace: string, values: Values = {}, more: readonly string[] = []): Promise<Rendered[]> {
  const { code, stdout, stderr } = await helm(['template', 'release', CHART, '-n', namespace, ...setValues(values), ...more])
  if (code !== 0) throw new Error(stderr)
  return loadAll(stdout).flatMap((document) => (document ? [document as Rendered] : []))
}

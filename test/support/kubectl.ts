import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ensureControlPlaneBinaries, kubectlOf } from '../../dev/cluster/binaries.ts'

/** How a command of kubectl ended. */
export type Said = { readonly code: number; readonly out: string; readonly complaint: string }

/** Runs kubectl, with its input; against a cluster, when `--kubeconfig` is among the arguments. */
export async function kubectl(args: readonly string[], input = ''): Promise<Said> {
  const program = kubectlOf(await ensureControlPlaneBinaries(undefined, false))
  if (program === undefined) throw new Error('there is no kubectl; install one: https://kubernetes.io/docs/tasks/tools')
  const running = promisify(execFile)(program, [...args], { maxBuffer: 16 * 1024 * 1024 })
  running.child.stdin?.end(input)
  return running.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, complaint: stderr }),
    ({ code = 1, stdout = '', stderr = '' }: { code?: number; stdout?: string; stderr?: string }) => ({
      code,
      out: stdout,
      complaint: stderr,
    }),
  )
}

/** The same for what must not fail; returns what it prints. */
export async function kubectlOk(args: readonly string[], input = ''): Promise<string> {
  const { code, out, complaint } = await kubectl(args, input)
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${complaint}${out}`)
  return out
}

/** The manifests of a directory as \`kubectl apply -k\` makes them. */
export async function kustomize(directory: string): Promise<string> {
  return kubectlOk(['kustomize', directory])
}

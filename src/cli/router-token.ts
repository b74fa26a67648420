import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { requestToken } from '../kube/service-account-token.ts'
import { CliError } from './fleet.ts'
import { within, type Common, type Surroundings } from './surroundings.ts'

/** What a person has said about the token for routers. */
export type TokenFlags = Common & {
  readonly tokenFile?: string | undefined
  readonly asServiceAccount?: string | undefined
  readonly tokenAudience?: string | undefined
}

/** Life of a token of a ServiceAccount that is asked for: the shortest that the API server gives. */
const TOKEN_SECONDS = 600

/** Adds the flags to a command. None takes a token itself, which other users of the machine could see. */
export function withTokenFlags(command: Command): Command {
  return command
    .addOption(new Option('--token-file <FILE>', 'token for the router (SWARM_ROUTER_TOKEN, else that of the kubeconfig)'))
    .addOption(new Option('--as-service-account <NAME>', 'a new token of this ServiceAccount of the namespace').conflicts('tokenFile'))
    .addOption(new Option('--token-audience <NAME>', 'for whom that token is, where routers take only those for auth.audiences'))
}

/**
 * The token for routers: that of the flags, of SWARM_ROUTER_TOKEN, else of the kubeconfig, which goes over TLS or to this machine only:
 * it may do all that its owner may. Throws a CliError, or a KubeApiError when the ServiceAccount gives none.
 */
export async function routerToken(flags: TokenFlags, around: Surroundings, urls: readonly string[]): Promise<string | undefined> {
  const { tokenFile, asServiceAccount: name, tokenAudience: audience } = flags
  if (audience !== undefined && name === undefined)
    throw new CliError('--token-audience is of a new token only; write --as-service-account NAME as well')
  if (tokenFile !== undefined) return textOf(tokenFile)
  if (name !== undefined)
    return within(flags, around, async ({ client, namespace }) =>
      requestToken(client, { namespace, name }, { seconds: TOKEN_SECONDS, ...(audience !== undefined && { audiences: [audience] }) }),
    )
  const given = around.env['SWARM_ROUTER_TOKEN']
  if (given) return given
  return urls.every(isSafe) ? around.kubeToken(flags) : undefined
}

/** Whether nobody can listen on the way. */
export function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new CliError(`the token cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

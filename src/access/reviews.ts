import { hash } from 'node:crypto'
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject, ResourceKind } from '../kube/objects.ts'
import { REVIEW_MS } from './limits.ts'
import type { Reviewed } from './review-cache.ts'
import { attributesOf, type Right } from './right.ts'

/** Who somebody is, as the API server says. */
export type User = {
  readonly username: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** A user, and a key for all of what is known of it: the same for two tokens that say the same. */
export type Identity = { readonly user: User; readonly key: string }

interface TokenReview extends KubeObject {
  readonly status?: {
    readonly authenticated?: boolean
    readonly user?: Partial<User>
    readonly audiences?: readonly string[]
  }
}

interface SubjectAccessReview extends KubeObject {
  readonly status?: { readonly allowed?: boolean; readonly denied?: boolean; readonly reason?: string }
}

const review = <T extends KubeObject>(group: string, plural: string, kind: string): ResourceKind<T> => ({
  group,
  version: 'v1',
  plural,
  kind,
  namespaced: false,
})
const TOKEN_REVIEWS = review<TokenReview>('authentication.k8s.io', 'tokenreviews', 'TokenReview')
const ACCESS_REVIEWS = review<SubjectAccessReview>('authorization.k8s.io', 'subjectaccessreviews', 'SubjectAccessReview')

/** Reviews have no name: nothing is stored. */
const NAMELESS = { name: '' }
/** What the API server accepts is good for so long by any clock: ours may be ahead of its own. */
const SKEW_MS = 10_000
const TIMEOUT = { timeoutMs: REVIEW_MS.timeoutMs }

/** Asks the API server whose token this is. With audiences the token must be meant for one of them. Throws a KubeApiError. */
export async function reviewToken(client: KubeClient, token: string, audiences: readonly string[]): Promise<Reviewed<Identity>> {
  const spec = { token, ...(audiences.length > 0 && { audiences }) }
  const { status } = await client.create<TokenReview>(TOKEN_REVIEWS, { metadata: NAMELESS, spec }, TIMEOUT)
  const { username, uid, groups, extra } = status?.user ?? {}
  const isMeant = audiences.length === 0 || audiences.some((audience) => status?.audiences?.includes(audience))
  if (!status?.authenticated || !username || !isMeant) return { refused: 'the API server does not accept it' }
  const user = { username, ...(uid && { uid }), ...(groups && { groups }), ...(extra && { extra }) }
  const good = { user, key: hash('sha256', JSON.stringify([username, uid, groups, extra]), 'base64') }
  const leftMs = timeLeftMs(token)
  return { good, ...(leftMs !== undefined && { untilMs: performance.now() + Math.max(leftMs, SKEW_MS) }) }
}

/** Asks the API server whether a user has a right. Throws a KubeApiError. */
export async function reviewAccess(client: KubeClient, { user }: Identity, right: Right): Promise<Reviewed<true>> {
  const { username, ...rest } = user
  const spec = { user: username, ...rest, ...attributesOf(right) }
  const { status } = await client.create<SubjectAccessReview>(ACCESS_REVIEWS, { metadata: NAMELESS, spec }, TIMEOUT)
  return status?.allowed && !status.denied ? { good: true } : { refused: status?.reason ?? '' }
}

/** Time until a token expires that says so itself; it was accepted, so what it says is true. */
function timeLeftMs(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined
    return typeof exp === 'number' ? exp * 1_000 - Date.now() : undefined
  } catch {
    return undefined // not every token is a JWT
  }
}

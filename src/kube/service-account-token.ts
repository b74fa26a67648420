import type { KubeClient } from './client.ts'
import type { ObjectRef, ResourceKind } from './objects.ts'

const SERVICE_ACCOUNTS: ResourceKind = { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true }

/** For how long, 10 minutes at least, and for whom, the API server if nobody is named. */
export type TokenWish = { readonly seconds: number; readonly audiences?: readonly string[] }

/** A new token of a ServiceAccount (TokenRequest). Throws a KubeApiError. */
export async function requestToken(client: KubeClient, ref: ObjectRef, { seconds, audiences = [] }: TokenWish): Promise<string> {
  const spec = { expirationSeconds: seconds, audiences }
  const manifest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  const made = await client.createFor<{ status?: { token?: string } }>(SERVICE_ACCOUNTS, ref, { subresource: 'token', manifest })
  if (made.status?.token) return made.status.token
  throw new Error(`the API server gave no token of ServiceAccount ${ref.name}`)
}

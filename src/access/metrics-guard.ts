import type { Access, Refusal, Sender } from './access.ts'

const STATUS: Readonly<Record<Refusal['code'], number>> = { Unauthorized: 401, Forbidden: 403, TooManyChecks: 429, AccessUnknown: 503 }

/** Says why the sender of a request does not get the metrics; undefined when it may. */
export function metricsGuard(access: Access) {
  return async (sender: Sender): Promise<{ status: number; detail: string; challenge?: string } | undefined> => {
    const refusal = await access.check(sender, { verb: 'get', path: '/metrics' })
    return refusal && { ...refusal, status: STATUS[refusal.code] }
  }
}

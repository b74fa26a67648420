import { request as httpsRequest } from 'node:https'
import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const REQUEST_MS = 2_000
const POLL_MS = 50

/** Something with an address that answers 200 once it works. */
export interface HealthCheck {
  readonly url: string
  readonly ca?: string
  readonly bearerToken?: string
}

/** Whether it answers 200 now. */
export async function isHealthy(check: HealthCheck): Promise<boolean> {
  return (await answerOf(check)) === 200
}

/** Waits for a 200; otherwise throws with what was answered last, at once when `isAlive` says that nobody is there to answer. */
export async function waitHealthy(check: HealthCheck, timeoutMs: number, isAlive: () => boolean): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const answer = await answerOf(check)
    if (answer === 200) return
    if (!isAlive()) throw new Error('the process ended')
    if (Date.now() >= deadline) throw new Error(`${check.url} did not answer 200 within ${timeoutMs / 1000} s, but ${answer}`)
    await sleep(POLL_MS)
  }
}

function answerOf(check: HealthCheck): Promise<number | string> {
  return new Promise((resolve) => {
    const send = check.url.startsWith('https:') ? httpsRequest : httpRequest
    const request = send(
      check.url,
      {
        agent: false,
        timeout: REQUEST_MS,
        headers: check.bearerToken === undefined ? {} : { authorization: `Bearer ${check.bearerToken}` },
        ...(check.ca !== undefined && { ca: check.ca }),
      },
      (response) => {
        response.resume()
        response.once('close', () => resolve(response.statusCode ?? 0))
      },
    )
    request.once('timeout', () => request.destroy(new Error('nothing in time')))
    request.once('error', (error) => resolve(error.message))
    request.end()
  })
}

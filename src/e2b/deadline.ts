/** A signal that ends with the caller's or after a time, and knows which it was. `clear` must be called, or the caller's signal keeps it. */
export type Deadline = { readonly signal: AbortSignal; readonly timeoutMs: number; isOver(): boolean; clear(): void }

/** `AbortSignal.any` and `AbortSignal.timeout` would leave a timer and a listener behind for each of thousands of calls. */
export function deadline(timeoutMs: number, signal?: AbortSignal): Deadline {
  const controller = new AbortController()
  let isOver = false
  const abort = () => controller.abort(signal?.reason)
  const timer = setTimeout(() => {
    isOver = true
    controller.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError'))
  }, timeoutMs)
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    timeoutMs,
    isOver: () => isOver,
    clear: () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    },
  }
}

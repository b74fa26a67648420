/** The beginning of an answer as text: what came up to the piece with which it has more than `bytes`. */
export async function startOf(body: AsyncIterable<Buffer>, bytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > bytes) break
  }
  return Buffer.concat(chunks).toString()
}

/** Works on at most `most` items at a time. After a failure none begins; running ones are waited for. */
export async function inParallel<T>(items: readonly T[], most: number, work: (item: T) => Promise<void>) {
  const left = [...items]
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined && failures.length === 0; item = left.shift())
      await work(item).catch((error: unknown) => void failures.push(error))
  }
  await Promise.all(Array.from({ length: most }, worker))
  if (failures.length > 0) throw failures[0]
}

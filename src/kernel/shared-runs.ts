/**
 * Work that many ask for at the same time, by name. Who comes while it runs may have changed something since it began, and
 * so waits for the next run, which all of these share.
 */
export function sharedRuns(run: (name: string) => Promise<void>): (name: string) => Promise<void> {
  const runs = new Map<string, { readonly running: Promise<void>; next?: Promise<void> }>()
  const start = (name: string): Promise<void> => {
    const running = run(name).finally(() => {
      if (runs.get(name)?.next === undefined) runs.delete(name)
    })
    runs.set(name, { running })
    return running
  }
  return async (name) => {
    const known = runs.get(name)
    if (known === undefined) return start(name)
    const next = () => start(name)
    known.next ??= known.running.then(next, next)
    return known.next
  }
}

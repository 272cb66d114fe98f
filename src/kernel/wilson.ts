/** How sure a share is. Pure. */

/** Of 95 %. */
const z = 1.959964

/** The interval of Wilson's score, which holds for few machines, too. @returns shares of 0 to 1, or `undefined` for none. */
export function shareInterval(count: number, of: number): { share: number; low: number; high: number } | undefined {
  if (of === 0) return undefined
  const share = count / of
  const middle = share + z ** 2 / (2 * of)
  const width = z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2))
  const scale = 1 + z ** 2 / of
  return { share, low: Math.max(0, (middle - width) / scale), high: Math.min(1, (middle + width) / scale) }
}

/** Imports nothing that an old Node lacks. */

/** @param needed as `engines` of package.json, such as `>=22.18`. @returns what is wrong where this Node is older. */
export function problemOfNode(needed: string): string | undefined {
  const [major = 0, minor = 0] = (/\d.*/.exec(needed)?.[0] ?? '').split('.').map(Number)
  const [has = 0, hasMinor = 0] = process.versions.node.split('.').map(Number)
  if (has > major || (has === major && hasMinor >= minor)) return undefined
  return `Platte needs Node ${major}.${minor} or newer; this is ${process.versions.node}`
}

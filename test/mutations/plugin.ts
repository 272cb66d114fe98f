import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promises } from './promises.ts'

const source = resolve(import.meta.dirname, '../../src')
const declarationOf = (name: string): RegExp =>
  new RegExp(`^export (?:(?:async )?function\\*? ${name}\\b|(?:const|let) ${name}\\b)`, 'm')

/** The one file that exports a name. */
function fileOf(name: string): string {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const found = files.filter((file) => declarationOf(name).test(readFileSync(join(source, file), 'utf8')))
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(
      `${name} is exported by ${found.join(', ') || 'no file'}; promises.ts needs a name that one file exports`,
    )
  return join(source, found[0])
}

/** A Vite plugin that replaces an exported function by its broken version, wherever it is used. */
export function breakPromise(promise: string) {
  const index = promises.findIndex((one) => one.promise === promise)
  const { name } = promises[index] ?? {}
  if (name === undefined) throw new Error(`nobody promises ${JSON.stringify(promise)}`)
  const file = fileOf(name)
  return {
    name: 'platte:break-promise',
    enforce: 'pre' as const,
    transform(code: string, id: string) {
      if (id.split('?')[0] !== file) return undefined
      const replaceable = code.replace(new RegExp(`^export const ${name}\\b`, 'm'), `export let ${name}`)
      const table = JSON.stringify(join(import.meta.dirname, 'promises.ts'))
      return `import { promises as platteBroken } from ${table}\n${replaceable}\n;${name} = platteBroken[${index}].broken(${name})\n`
    },
  }
}

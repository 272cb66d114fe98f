/** The licenses of what bundles contain, each text once with the packages that have it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readLock } from './bundled.ts'

export function licenses(root: string): string {
  const byText: Record<string, string[]> = {}
  for (const [path, { version }] of readLock(root).bundled) {
    const text = licenseOf(join(root, path))
    byText[text] ??= []
    byText[text].push(`${path.replace(/^.*node_modules\//, '')} ${version}`)
  }
  return Object.entries(byText)
    .map(([text, names]) => `${[...new Set(names)].join('\n')}\n\n${text}\n`)
    .join(`\n${'-'.repeat(80)}\n\n`)
}

function licenseOf(folder: string): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
  if (file !== undefined) return readFileSync(join(folder, file), 'utf8').trim()
  const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return `License: ${license}`
}

/** `platte.toml`, where there is one: what reads TOML takes a while to load. For Node and Deno. */
import { existsSync } from 'node:fs'
import { settingsFileName } from './settings.ts'

/** As `readSettingsFile`. */
export const findSettingsFile = async (path: string | undefined) =>
  path || isThere(settingsFileName) ? (await import('./settings-file.ts')).readSettingsFile(path) : undefined

/** On Deno, without the permission to read it there is no file. */
function isThere(file: string): boolean {
  try {
    return existsSync(file)
  } catch {
    return false
  }
}

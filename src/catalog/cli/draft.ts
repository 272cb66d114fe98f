/** Drafts of roots as files. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Options } from '../../cli/options.ts'
import { notice, show } from '../../cli/terminal.ts'
import { PlatteError } from '../../kernel/errors.ts'
import { isoText } from '../../kernel/format.ts'
import type { TrustedRoot } from '../../trust/verify-root.ts'
import type { StoreReader } from '../read.ts'
import { editRoot, type RootEdit } from '../roots.ts'

export type DraftOptions = Options & { readonly out?: string }

export const outOption = ['--out <file>', 'where the draft goes (root-<version>.json)'] as const

/** Writes the root that follows `current`, to be signed. */
export async function writeDraft(
  store: StoreReader,
  current: TrustedRoot,
  edit: RootEdit,
  { out, json }: DraftOptions,
) {
  const edited = await editRoot(current, edit, isoText(store.clock()))
  const file = out ?? `root-${edited.version}.json`
  const refused = refuse(`${file} cannot be written`, 'remove it, or name another file with --out')
  await writeFile(file, `${JSON.stringify(edited, undefined, 2)}\n`, { flag: 'wx' }).catch(refused)
  notice(`sign it with: platte root sign ${file} --key ROOT-KEY-FILE`)
  show(json, edited, [file])
}

export const readDraft = (file: string): Promise<Uint8Array> => readFile(file).catch(refuse(`${file} cannot be read`))

export const refuse = (problem: string, hint?: string) => (cause: Error) => {
  throw new PlatteError('usage', `${problem}: ${cause.message}`, { ...(hint && { hint }), cause })
}

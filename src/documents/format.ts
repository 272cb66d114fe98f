/**
 * The formats of signed documents.
 *
 * Schemas are strict and all readers share one catalog: a member that a reader does not know stops that reader. So a
 * document says `format: 1` while it uses nothing newer, and what needs a newer format waits until the root allows it.
 * The root keys sign that once every reader is upgraded (`platte root format`). A reader meets the root first: one that
 * is too old refuses it, and keeps answering from the last catalog that it verified.
 */
import { PlatteError } from '../kernel/errors.ts'

/** The newest format that this version reads. Nothing is written in format 2 yet. */
export const newestFormat = 2

/** The first version of Platte that reads a format. */
export const firstReaderOf = (format: number): string => (format <= 1 ? '0.1.0' : '0.2.0')

/**
 * Every writer of something that format 1 lacks calls this before it writes.
 * @param what the feature, as the subject of a sentence.
 * @throws PlatteError('refused') where the root does not allow the format.
 */
export function requireFormat(root: { readonly format: number }, format: number, what: string): void {
  if (root.format >= format) return
  throw new PlatteError('refused', `${what} needs format ${format}, and this store is at format ${root.format}`, {
    hint: `upgrade everything that reads this store to Platte ${firstReaderOf(format)} or later, then run \`platte root format ${format}\``,
  })
}

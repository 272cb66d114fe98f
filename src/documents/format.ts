/**
 * The formats of signed documents. Schemas are strict and all readers share one catalog: an unknown member stops an old
 * reader. So a document has `format: 1` while it uses nothing newer, and newer features wait until the root allows their
 * format (`platte root format`). A reader that is too old refuses that root first, and keeps its last verified catalog.
 */
import { PlatteError } from '../kernel/errors.ts'

/** The newest that this version reads. It writes nothing that needs format 2. */
export const newestFormat = 2

/** The first version of Platte that reads a format. */
export const firstReaderOf = (format: number): string => (format <= 1 ? '0.1.0' : '0.2.0')

/** Call before writing what format 1 lacks. @param what the feature. @throws PlatteError('refused') if not allowed yet. */
export function requireFormat(root: { readonly format: number }, format: number, what: string): void {
  if (root.format >= format) return
  throw new PlatteError('refused', `${what} needs format ${format}, and this store is at format ${root.format}`, {
    hint: `upgrade everything that reads this store to Platte ${firstReaderOf(format)} or later, then run \`platte root format ${format}\``,
  })
}

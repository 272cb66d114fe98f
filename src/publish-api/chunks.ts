/**
 * The parts of a file: each of `partBytes`, counted from 1; the last has the rest.
 * @param size of the file, in bytes; at least 1.
 */
export const partsOf = (
  size: number,
  partBytes: number,
): readonly { readonly number: number; readonly size: number }[] =>
  Array.from({ length: Math.ceil(size / partBytes) }, (_, i) => ({
    number: i + 1,
    size: Math.min(partBytes, size - i * partBytes),
  }))

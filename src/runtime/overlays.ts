/** The overlay that settings name, on a machine with files. */
import { maxOverlayBytes, parseOverlay } from '../documents/overlay.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Overlay } from '../release/overlay.ts'
import { readTextFile } from './files.ts'
import type { OverlaySource } from './setting-values.ts'

/** @throws PlatteError('configuration') naming the file: a broken overlay must not offer what it withholds. */
export async function loadOverlay(source: OverlaySource | undefined): Promise<Overlay | undefined> {
  if (source === undefined || 'overlay' in source) return source?.overlay
  const { file } = source
  try {
    return parseOverlay(await readTextFile(file, maxOverlayBytes))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new PlatteError('configuration', `${file}: ${why}`, { hint: 'correct it, or PLATTE_OVERLAY', cause })
  }
}

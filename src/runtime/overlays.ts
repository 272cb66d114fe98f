/** The overlay that settings name, on a machine with files. */
import { readFile, stat } from 'node:fs/promises'
import { maxOverlayBytes, parseOverlay } from '../documents/overlay.ts'
import { PlatteError } from '../kernel/errors.ts'
import type { Overlay } from '../release/overlay.ts'
import type { OverlaySource } from './setting-values.ts'

/** @throws PlatteError('configuration') naming the file: what was to be withheld must not be offered by mistake. */
export async function loadOverlay(source: OverlaySource | undefined): Promise<Overlay | undefined> {
  if (source === undefined || 'overlay' in source) return source?.overlay
  const { file } = source
  try {
    if ((await stat(file)).size > maxOverlayBytes) throw new Error(`has more than ${maxOverlayBytes} bytes`)
    return parseOverlay(await readFile(file, 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new PlatteError('configuration', `${file}: ${why}`, { hint: 'mend it, or PLATTE_OVERLAY', cause })
  }
}

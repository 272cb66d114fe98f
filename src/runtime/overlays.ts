/** The overlay that settings name, on a machine with files. */
import { readFile, stat } from 'node:fs/promises'
import type { Overlay } from '../core/overlay.ts'
import { maxOverlayBytes, parseOverlay } from '../documents/overlay.ts'
import { PlatteError } from '../errors.ts'
import type { OverlayPlace } from './setting-values.ts'

/** @throws PlatteError('configuration') naming the file: what was to be withheld must not be offered by mistake. */
export async function loadOverlay(place: OverlayPlace | undefined): Promise<Overlay | undefined> {
  if (place === undefined || 'overlay' in place) return place?.overlay
  const { file } = place
  try {
    if ((await stat(file)).size > maxOverlayBytes) throw new Error(`has more than ${maxOverlayBytes} bytes`)
    return parseOverlay(await readFile(file, 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new PlatteError('configuration', `${file}: ${why}`, { hint: 'mend it, or PLATTE_OVERLAY', cause })
  }
}

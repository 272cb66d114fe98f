/** Bytes that real clients sent and accepted, as they stood on the wire. */
import { readFileSync } from 'node:fs'

const read = (name: string): string => readFileSync(new URL(`../samples/${name}`, import.meta.url), 'utf8')

/** The body of a captured request of update_engine 0.4.10. */
export const bodyOf = (name: string): string => read(`update-engine/${name}.http`).split('\r\n\r\n')[1] ?? ''

export const updateEngineRequests = [
  'full-update-01',
  'full-update-02',
  'full-update-04',
  'full-update-05',
  'ping-only-need-reboot',
  'updatecheck-first-ever-on-demand',
  'updatecheck-postreboot',
  'updatecheck-scheduled-steady-state',
] as const

export const syncerRequests = ['syncer-legacy', 'syncer-multi'] as const
export const syncerBody = (name: string): string => read(`nebraska/${name}.request.xml`)

export const goldenUpdate = read('update-engine/golden-update-response.xml')
export const goldenNoUpdate = read('update-engine/golden-noupdate-response.xml')

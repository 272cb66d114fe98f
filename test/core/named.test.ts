import { expect, test } from 'vitest'
import { findNamed } from '../../src/catalog/named.ts'
import type { Catalog } from '../../src/documents/catalog.ts'

const entry = { seq: 1, sha256: 'a'.repeat(64), size: 1 }
const catalog: Catalog = {
  ...{ format: 1, type: 'catalog', root: 1, issuedAt: '', expires: '' },
  apps: {
    'e96281a6-d1af-4bde-9a0a-97b76e56dc57': {
      name: 'Flatcar',
      channels: { stable: { ...entry, aliases: ['lts'] }, dev: entry, flatcar: entry },
    },
    other: { channels: { stable: entry, night: entry } },
  },
}
const flatcar = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

test.each([
  [[], undefined, {}],
  [[flatcar], undefined, { app: flatcar }],
  [[`{${flatcar.toUpperCase()}}`], undefined, { app: flatcar }],
  [['flatcar'], undefined, { app: flatcar }],
  [['dev'], flatcar, { app: flatcar, channel: 'dev' }],
  [['dev'], undefined, { app: flatcar, channel: 'dev' }],
  [['night'], flatcar, { app: 'other', channel: 'night' }],
  [['lts'], undefined, { app: flatcar, channel: 'stable' }],
  [['stable'], 'other', { app: 'other', channel: 'stable' }],
  [['other/stable'], flatcar, { app: 'other', channel: 'stable' }],
  [['other/'], flatcar, { app: 'other' }],
  [['Flatcar', 'lts'], undefined, { app: flatcar, channel: 'stable' }],
])('%j with the app %s', (words, own, want) => {
  expect(findNamed(catalog, words, own)).toEqual(want)
})

test.each([
  [['deb'], 'no app and no channel is called deb', `apps: ${flatcar}, other; channels: dev, flatcar, night, stable`],
  [['other', 'dev'], 'no such channel: other/dev', 'its channels: night, stable'],
  [['nix/dev'], 'no such app: nix', `apps: ${flatcar}, other; channels: dev, flatcar, night, stable`],
  [['stable'], 'several apps have a channel stable', `name one: ${flatcar}/stable, other/stable`],
  [['constructor'], 'no app and no channel is called constructor', expect.stringMatching('^apps: ')],
])('%j is refused, and the hint lists what exists', (words, message, hint) => {
  expect(() => findNamed(catalog, words, undefined)).toThrow(expect.objectContaining({ message, hint }))
})

import { expect, test } from 'vitest'
import { isExtension, renderExtensionPolicy } from '../../src/clients/extension.ts'

const app = 'ghbmnnjooekpmoecnnnilnnbdlolhkhi'
const url = 'https://updates.example.org'

test.each([
  [undefined, `${url}/service/update2/crx`],
  ['beta', `${url}/service/update2/crx?channel=beta`],
  ['a&b', `${url}/service/update2/crx?channel=a%26b`],
])('the policy for channel %s', (channel, expected) => {
  expect(JSON.parse(renderExtensionPolicy({ url, app, channel }))).toEqual({
    ExtensionSettings: {
      [app]: { installation_mode: 'force_installed', update_url: expected, override_update_url: true },
    },
  })
})

test.each([
  [app, true],
  ['', false],
  [app.slice(1), false],
  [`${app}a`, false],
  [app.toUpperCase(), false],
  [app.replace('g', 'q'), false],
  ['e96281a6-d1af-4bde-9a0a-97b76e56dc57', false],
])('%s is an id of an extension: %s', (text, expected) => {
  expect(isExtension(text)).toBe(expected)
})

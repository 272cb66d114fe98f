/** Writes a store with one of everything that a store can hold. The same story is told by versions of any age. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyKeys, type Platte } from './platte.ts'

const firstMs = Date.parse('2026-11-01T00:00:00Z')

/** The instant after the whole story. */
export const afterwards = '2026-11-02T00:00:00Z'

/** One of everything, in commands that have meant the same since the first version. */
const commands: readonly string[] = [
  'init --root-keys keys/root',
  'channel create alpha --description Early --cadence 28d --on Tue --alias 9a2deb70-37be-4026-853f-bfdd6b347bbe',
  'publish os-1.gz oem-azure.gz --channel alpha --version 1.0.0 --board amd64-usr --notes notes.md --components components.json --cve CVE-2026-1234 --raw',
  'publish os-1-arm.gz --channel alpha --version 1.0.0 --board arm64-usr --create-board --raw',
  'publish os-2.gz --channel alpha --version 2.0.0 --board amd64-usr --raw',
  'publish os-3.gz --channel alpha --version 3.0.0 --board amd64-usr --ramp-over 48h --raw',
  'floor 2.0.0 --channel alpha --reason migrates-the-disk',
  'channel create stable',
  'promote 1.0.0 --from alpha --to stable --board amd64-usr',
  'promote 2.0.0 --from alpha --to stable',
  'promote 3.0.0 --from alpha --to stable',
  'ramp 3.0.0 --channel stable --over 10d --steps 5 --lower',
  'window --channel stable --days Mon-Thu --from 22:00 --to 04:00 --time-zone Europe/Berlin',
  'window 3.0.0 --channel stable --days Sat,Sun --from 00:00 --to 23:59 --time-zone UTC',
  'target --channel stable --not-oem pxe --running >=0.9.0',
  'target 3.0.0 --channel stable --allow-machines machines.txt',
  'channel create lts',
  'follow stable --channel lts --after 7d --over 48h',
  'dead-end 1.0.0 --channel stable --reason cannot-migrate',
  'hold 2.0.0 --channel stable --reason boot-loop --board amd64-usr',
  'channel create edge',
  'publish os-1.gz oem-azure.gz --channel edge --version 1.0.0 --board amd64-usr --skip-floors --raw',
  'publish os-2.gz --channel edge --version 2.0.0 --board amd64-usr --skip-floors --ignore-holds --raw',
  'publish os-3.gz --channel edge --version 3.0.0 --board amd64-usr --skip-floors --raw',
  'withdraw 3.0.0 --channel edge --reason broken',
  'rollback 2.0.0 --channel edge --reason kernel-panic',
  'channel rename edge nightly',
  'channel create gone',
  'channel delete gone',
  'ramp --channel alpha --stop',
  'publish os-1.gz --app com.example.other --channel main --version 1.2.3+4 --board amd64-usr --create --raw',
  'lock set-max 2 --group workers',
  'lock lock 2ac74a0b2bca4a1ba4a1b9d4a0c5a0a1 --group workers',
  'lock policy workers --days Mon-Fri --from 01:00 --to 05:00 --time-zone UTC --lease 4h --veto-on-hold',
  'root rotate --role release --new-key keys/next/release.jwk --root-keys keys/root',
  'root rotate --role timestamp --new-key keys/next/timestamp.jwk --root-keys keys/root',
]

/** Machines of a file of targets. */
const machines = ['2ac74a0b2bca4a1ba4a1b9d4a0c5a0a1', '00000000000000000000000000000001']

const files: Readonly<Record<string, string>> = {
  'os-1.gz': 'the first release',
  'os-1-arm.gz': 'the first release, for another board',
  'oem-azure.gz': 'what one vendor needs',
  'os-2.gz': 'the second release',
  'os-3.gz': 'the third release',
  'notes.md': '# 1.0.0\n\nThe first release.\n',
  'components.json': '{"kernel":"6.12.102"}',
  'machines.txt': `${machines.join('\n')}\n`,
  'overlay.json': '{"channels":{"stable":{"holds":[{"version":"3.0.0","reason":"not here"}]},"*":{"after":"1d"}}}',
}

/** Tells the story in an empty folder: keys, store and the files that went into it. */
export function tellStory(platte: Platte): void {
  copyKeys(platte.folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(platte.folder, name), text)
  commands.forEach((command, minute) => {
    const at = new Date(firstMs + minute * 60_000).toISOString()
    // The first version knows no such command: there a group made itself.
    if (command.startsWith('lock set-max')) platte.run(at, 'lock', 'create', 'workers')
    platte.must(at, ...command.split(' '))
  })
  // Both roles have the keys that they were rotated to.
  platte.env.PLATTE_KEYS = 'keys/next'
}

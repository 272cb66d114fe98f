/** Examples for the help of every command, by its words; a test parses each. */

const store = 'file:/var/lib/platte'
const reason = 'https://example.org/loop'

export const examples: Readonly<Record<string, readonly string[]>> = {
  start: ['platte start --dir ./dev --port 8080'],
  init: [`platte init --store ${store} --keys /etc/platte/keys \\`, '       --root-keys /media/usb/root-keys'],
  'client-config': [
    'platte client-config --channel stable --public-url https://updates.example.org',
    'platte client-config --channel beta --board x86-64 --transfer docker.raw',
    'platte client-config --check /etc/flatcar/update.conf',
  ],
  completion: [
    'platte completion bash > /etc/bash_completion.d/platte',
    'platte completion fish > ~/.config/fish/completions/platte.fish',
  ],
  publish: [
    'platte publish flatcar_production_update.gz --channel stable \\',
    '       --version 4152.2.0 --board amd64-usr --create',
    'platte publish https://update.example.org/4152.2.0/update.gz oem-azure.gz \\',
    '       --channel beta --version 4152.2.0 --board amd64-usr --ramp-over 48h',
  ],
  promote: ['platte promote 4152.2.0 --from alpha --to beta --ramp-over 48h'],
  adopt: [
    'platte adopt omaha:https://public.update.flatcar-linux.net/v1/update/ \\',
    '       --channel stable --boards amd64-usr,arm64-usr \\',
    '       --as prod --after 7d --create',
    'platte adopt https://updates.example.org \\',
    '       e96281a6-d1af-4bde-9a0a-97b76e56dc57/stable --as prod',
  ],
  channel: ['platte channel list', 'platte channel create beta --description "for testers"'],
  'channel create': ['platte channel create beta --description "for testers" --cadence 14d'],
  'channel edit': ['platte channel edit stable --guard failures=5%,fell-back=2%,at-least=20'],
  'channel rename': ['platte channel rename prod stable'],
  'channel delete': ['platte channel delete edge'],
  'channel list': ['platte channel list --json'],
  apply: ['platte apply channels.toml', 'platte apply channels.yaml --prune --dry-run'],
  diff: ['platte diff channels.toml --detailed-exitcode'],
  'export-config': ['platte export-config > channels.toml', 'platte export-config --yaml > channels.yaml'],
  prune: ['platte prune --channel stable --keep 10 --dry-run'],
  ramp: [
    'platte ramp 4152.2.0 --channel stable --over 48h',
    'platte ramp 4152.2.0 --channel stable --finish',
    'platte ramp --channel stable --pause --message "racks are warm"',
  ],
  window: [
    'platte window --channel stable --days Mon-Thu --from 22:00 --to 04:00 \\',
    '       --time-zone Europe/Berlin',
    'platte window --channel stable --remove',
  ],
  target: [
    'platte target 4152.2.0 --channel stable --oem azure,ami',
    'platte target --channel stable --running ">=4081.0.0 <4600.0.0"',
  ],
  floor: ['platte floor 4081.2.0 --channel stable --reason https://example.org/new-keys'],
  'dead-end': [`platte dead-end 3033.2.0 --channel stable --reason ${reason}`],
  follow: ['platte follow stable --channel late --after 7d --over 48h', 'platte follow --channel late --stop'],
  hold: [`platte hold 4152.2.0 --channel stable --reason ${reason}`],
  unhold: [
    'platte unhold 4152.2.0 --channel stable --message "fixed by new firmware"',
    `platte unhold --channel stable --reason ${reason}`,
  ],
  withdraw: [
    `platte withdraw 4152.2.0 --channel stable --reason ${reason}`,
    'platte withdraw 4152.2.0 --channel stable --undo',
  ],
  rollback: [`platte rollback 4152.2.0 --channel stable --reason ${reason}`],
  show: ['platte show', 'platte show stable', 'platte show --json | jq .channels'],
  explain: [
    'platte explain --channel stable --version 4081.2.0 --board amd64-usr',
    'platte explain --channel stable --version 4081.2.0 --board amd64-usr \\',
    '       --machine 0123456789abcdef0123456789abcdef --at 2026-11-24T13:12:00Z',
  ],
  history: ['platte history --channel stable --limit 5'],
  fleet: ['platte fleet status', 'platte fleet --fleet-file fleet.db --watch 1m   # without a command: follow'],
  'fleet status': ['platte fleet status --since 7d', 'journalctl -u platte -o cat | platte fleet status -'],
  report: ['platte report --since 7d'],
  'fleet machines': [
    'platte fleet machines --state failed --channel stable',
    'platte fleet machines --silent 24h --oem azure --json',
  ],
  'fleet machine': ['platte fleet machine 0123456789abcdef0123456789abcdef'],
  'fleet release': ['platte fleet release 4152.2.0 --since 7d'],
  'fleet follow': ['platte fleet follow --store s3://BUCKET --fleet-file fleet.db --watch 1m'],
  'fleet forgive': ['platte fleet forgive 0123456789abcdef0123456789abcdef', 'platte fleet forgive --release 4152.2.0'],
  mirror: [`platte mirror https://updates.example.org --store ${store} \\`, '       --watch 10m'],
  export: ['platte export --out platte.tar', 'platte export --packages current --channel stable > stable.tar'],
  import: [`platte import platte.tar --store ${store}`],
  'import nebraska': ['platte import nebraska https://nebraska.example.org \\', '       --token-file token --dry-run'],
  'import coreupdate': ['platte import coreupdate https://coreupdate.example.org --dry-run'],
  lock: ['platte lock status --group workers', 'platte lock set-max 3 --group workers'],
  'lock create': ['platte lock create workers --max 2'],
  'lock driver': ['platte lock driver durable-object --group workers'],
  'lock list': ['platte lock list --json'],
  'lock acknowledge': ['platte lock acknowledge --group workers'],
  'lock status': ['platte lock status --group workers --wide'],
  'lock set-max': ['platte lock set-max 3 --group workers'],
  'lock lock': ['platte lock lock 0123456789abcdef0123456789abcdef'],
  'lock unlock': ['platte lock unlock 0123456789abcdef0123456789abcdef'],
  'lock policy': [
    'platte lock policy web --calendar freezes.ics \\',
    '       --calendar-time-zone Europe/Berlin',
    'platte lock policy workers --veto-on-hold --lease 4h --expire 2 --soak 30m',
    'platte lock policy workers --days Mon-Fri --from 22:00 --to 04:00 \\',
    '       --time-zone Europe/Berlin',
  ],
  'lock zones': [
    'platte lock zones workers --per-zone 2 --list machines.txt',
    'platte lock zones workers --one-at-a-time --by-suffix',
  ],
  'lock history': ['platte lock history --group workers --limit 50'],
  keygen: [
    'platte keygen release-2.jwk --encrypt',
    'platte keygen release-2.jwk --kms awskms:///alias/platte-release',
    'platte keygen cup.jwks --cup 16',
  ],
  key: ['platte key encrypt /media/usb/root.jwk'],
  'key encrypt': ['platte key encrypt /media/usb/root.jwk'],
  'key decrypt': ['platte key decrypt timestamp.jwk'],
  'key show': ['platte key show awskms:///alias/platte-release'],
  root: ['platte root show', 'platte root edit --role release --add-key release-2.jwk'],
  'root show': ['platte root show --json'],
  'root edit': [
    'platte root edit --role release --add-key release-2.jwk \\',
    '       --threshold release=2 --out root-2.json',
  ],
  'root sign': ['platte root sign root-2.json --key /media/usb/root.jwk'],
  'root publish': ['platte root publish root-2.jws'],
  'root rotate': [
    'platte root rotate --role timestamp --new-key timestamp-2.jwk \\',
    '       --root-keys /media/usb/root-keys',
  ],
  'root reissue': ['platte root reissue --keys /etc/platte/keys'],
  'root cup': ['platte root cup cup.jwks --out root-2.json'],
  'root format': ['platte root format 2 --oldest-reader 0.2.0 --out root-2.json'],
  serve: [`platte serve --store ${store} --port 8080`],
  refresh: ['platte refresh', 'platte refresh --force'],
  verify: ['platte verify', 'platte verify --partial --store file:/srv/mirror'],
  doctor: ["platte doctor --store 's3://BUCKET/PREFIX?region=eu-central-1'"],
  policy: ['platte policy check --publish-policy file:policy.json'],
  'policy check': ['platte policy check --publish-policy file:policy.json --claims claims.json'],
  webhook: ['platte webhook test'],
  'webhook test': [
    'PLATTE_WEBHOOK=https://chat.example.org/hooks/platte \\',
    '  PLATTE_WEBHOOK_KEY="whsec_$(openssl rand -base64 32)" platte webhook test',
  ],
}

/** @param command with its parents, such as `fleet status`. @returns what follows the options in its help. */
export const examplesOf = (command: string): string => {
  const lines = examples[command]
  return lines ? `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n` : ''
}

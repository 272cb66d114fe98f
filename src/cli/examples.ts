/** Examples for the help of commands whose options do not explain themselves. */

export const examples: Readonly<Record<string, readonly string[]>> = {
  'platte adopt': [
    'platte adopt omaha:https://public.update.flatcar-linux.net/v1/update/ \\',
    '       --channel stable --boards amd64-usr,arm64-usr \\',
    '       --as prod --after 7d --create',
    'platte adopt https://updates.example.org stable --as prod',
  ],
  'platte hold': ['platte hold 4152.2.0 --channel stable --reason https://example.org/boot-loop'],
  'platte unhold': [
    'platte unhold 4152.2.0 --channel stable --message "fixed by new firmware"',
    'platte unhold --channel stable --reason https://example.org/boot-loop',
  ],
  'platte ramp': [
    'platte ramp 4152.2.0 --channel stable --over 48h',
    'platte ramp 4152.2.0 --channel stable --finish',
    'platte ramp --channel stable --pause --message "racks are warm"',
  ],
  'platte history': ['platte history --channel stable --limit 5'],
  'platte channel edit': ['platte channel edit stable --guard failures=5%,fell-back=2%,at-least=20'],
  'platte import nebraska': [
    'platte import nebraska https://nebraska.example.org \\',
    '       --token-file token --dry-run',
  ],
  'platte import coreupdate': ['platte import coreupdate https://coreupdate.example.org --dry-run'],
  'platte root format': ['platte root format 2 --oldest-reader 0.2.0 --out root.json'],
  'platte fleet': [
    'platte fleet status',
    'platte fleet --fleet-file fleet.db --watch 1m   # without a command: follow',
  ],
  'platte fleet status': ['platte fleet status --since 7d', 'journalctl -u platte -o cat | platte fleet status -'],
  'platte report': ['platte report --since 7d'],
  'platte fleet machines': [
    'platte fleet machines --state failed --channel stable',
    'platte fleet machines --silent 24h --oem azure --json',
  ],
  'platte fleet machine': ['platte fleet machine 0123456789abcdef0123456789abcdef'],
  'platte fleet release': ['platte fleet release 4152.2.0 --since 7d'],
  'platte fleet follow': ['platte fleet --store s3://BUCKET --fleet-file fleet.db --watch 1m'],
  'platte fleet forgive': [
    'platte fleet forgive 0123456789abcdef0123456789abcdef',
    'platte fleet forgive --release 4152.2.0',
  ],
  'platte webhook test': [
    'PLATTE_WEBHOOK=https://chat.example.org/hooks/platte \\',
    '  PLATTE_WEBHOOK_KEY="whsec_$(openssl rand -base64 32)" platte webhook test',
  ],
}

/** @param command with its parents, such as `platte fleet status`. @returns what follows the options in its help. */
export const examplesOf = (command: string): string => {
  const lines = examples[command]
  return lines ? `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}` : ''
}

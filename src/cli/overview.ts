/** `platte --help`: printed without loading a command, so that it is there at once. */

type Group = Readonly<Record<string, string>>

/** Each command once; its text is how its own description begins. */
export const groups: Readonly<Record<string, Group>> = {
  'Get started': {
    start: 'serve a development store, made on the first start',
    init: 'make keys, a root and an empty catalog',
    'client-config': 'write the configuration of a machine, or check one',
    completion: 'print what completes commands in a shell',
  },
  Publish: {
    publish: 'publish a release for one board',
    promote: 'put a release of one channel into another: same bytes',
    adopt: "publish an upstream's newest release under your own release key",
    channel: 'create, describe, rename, delete and list channels',
    apply: 'change channels to what a file says',
    diff: 'print what `platte apply` would change',
    'export-config': 'print the file of `platte apply` for the channels there are',
    prune: 'remove old releases from a channel, and their packages',
  },
  'Roll out': {
    ramp: 'offer a release to a rising share of machines',
    window: 'offer a channel, or one release, at certain times of the week',
    target: 'offer a channel, or one release, to certain machines only',
    floor: 'make older machines update to this release first',
    'dead-end': 'offer no update to machines that run this release',
    follow: 'let a channel offer the releases of another one, later',
    hold: 'withhold a release until unhold; needs only the timestamp key',
    unhold: 'lift a hold',
    withdraw: 'stop offering a release',
    rollback: 'send machines back from a bad release to the newest other one',
  },
  Look: {
    show: 'show apps, channels and releases',
    explain: 'show which update a machine gets, why, and when',
    history: 'show who changed a channel, when, and what: verified',
    fleet: 'see which machine runs what, and how updates go',
    report: 'show machines by channel, version and state',
  },
  Mirror: {
    mirror: 'copy the channels of another Platte or a public bucket',
    export: 'write the store, verified, as a tar archive',
    import: 'copy a bundle of `platte export` into the store, verified',
  },
  Locks: {
    lock: 'let machines reboot in turns',
  },
  Keys: {
    keygen: 'make a private key and print its public half',
    key: 'encrypt a key file, decrypt it, or show its public half',
    root: 'show and change the list of keys, roles and thresholds',
  },
  Operate: {
    serve: 'answer update checks and serve packages',
    refresh: 'sign the catalog again, with newly committed manifests',
    verify: 'check the whole store: chain, digests, packages, orphans',
    doctor: 'test whether a store can hold channels',
    policy: 'test the policy of a publish function',
    webhook: 'tell operators by a webhook',
  },
}

/** The same for every command. */
export const exitCodeLines = `Exit codes: 0 done, or nothing to do; 1 failed; 2 wrong usage or settings;
  3 refused; 4 credentials; 5 not what was signed; 130 interrupted.
`

const examples = `Examples:
  platte init --store file:/var/lib/platte --keys /etc/platte/keys \\
         --root-keys /media/usb/root-keys
  platte publish flatcar_production_update.gz --channel stable \\
         --app e96281a6-d1af-4bde-9a0a-97b76e56dc57 \\
         --version 4152.2.0 --board amd64-usr --create
  platte promote 4152.2.0 --from alpha --to beta --ramp-over 48h
  platte hold 4152.2.0 --channel stable --reason https://example.org/loop
  platte explain --channel stable --version 4081.2.0 --board amd64-usr
  platte fleet status
`

/** @param names of the commands that there are. */
export function overview(names: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length))
  const listed = Object.entries(groups).flatMap(([title, group]) => {
    const lines = Object.entries(group).filter(([name]) => names.includes(name))
    return lines.length === 0
      ? []
      : [`${title}:\n${lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('')}`]
  })
  return [
    'Usage: platte COMMAND [options]\n',
    'An Omaha update endpoint that answers from signed channel manifests in object\nstorage.\n',
    ...listed,
    examples,
    exitCodeLines,
    'More: platte COMMAND --help, platte --version\n',
  ].join('\n')
}

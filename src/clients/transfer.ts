/**
 * A transfer of systemd-sysupdate: from where it takes versions of a file, and to where. Pure.
 * @see systemd sysupdate.d(5)
 */

export interface Transfer {
  /** The endpoint, without a "/" at its end. */
  readonly url: string
  readonly app: string
  readonly channel: string
  readonly board: string
  /** The package, with `@v` for its version; without one it comes before the first dot. */
  readonly file: string
}

/** @returns what MatchPattern is: `docker_@v.raw` for `docker.raw`. */
const patternOf = (file: string): string => (file.includes('@v') ? file : file.replace(/(?=\.|$)/, '_@v'))

/** What systemd unpacks on its way: the target has what was in it. */
const packed = /\.(xz|gz|bz2)$/

/** systemd fills in `%m`, the id of the machine: ramps and targets need it. */
export function renderTransfer({ url, app, channel, board, file }: Transfer): string {
  const pattern = patternOf(file)
  const target = pattern.replace(packed, '')
  const name = target.replace(/[._-]*@v/, '')
  return `[Transfer]
# yes, where SHA256SUMS.gpg is published beside each release, and its key is in /etc/systemd/import-pubring.gpg
Verify=no

[Source]
Type=url-file
Path=${url}/sysupdate/${app}/${channel}/${board}/machine=%m/
MatchPattern=${pattern}

[Target]
InstancesMax=2
Type=regular-file
Path=/opt/extensions/${name.replace(/\..*/, '')}
MatchPattern=${target}
CurrentSymlink=/etc/extensions/${name}
Mode=0644
`
}

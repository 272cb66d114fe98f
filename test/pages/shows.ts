/** Every page, and every way in which it is shown. */

/** That of the test stores. Nothing is imported here: the reporter of every run counts these. */
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'

const machine = 'channel=stable&version=4081.2.0&board=amd64-usr&machine=0123456789abcdef0123456789abcdef'

/** When that machine got its slot, which is fixed as the time of the test stores is. */
const since = '2026-11-22T23:20:00.000Z'

const pages: readonly (readonly [name: string, path: string])[] = [
  ['home', '/'],
  ['stable', `/channels/${app}/stable`],
  ['beta', `/channels/${app}/beta`],
  ['follower', `/channels/${app}/prod-eu`],
  ['nothing-here', `/channels/${app}/nothing`],
  ['nothing-at-all', '/no/such/page'],
  ['explain', `/explain?app=${app}&${machine}`],
  ['explain-wrong', `/explain?app=${app}&channel=stable&version=`],
  ['config', '/client-config?group=stable&strategy=best-effort&start=Thu+04%3A00&length=2h'],
  ['fleet', '/fleet'],
  ['fleet-channel', `/fleet/channel?app=${app}&channel=stable`],
  ['fleet-release', `/fleet/release?app=${app}&version=4593.2.0`],
  ['fleet-machines', '/fleet/machines?channel=stable'],
  ['locks', '/locks'],
  ['locks-group', '/locks/group?group=workers'],
  ['locks-unlock', `/locks/unlock?group=workers&id=0123456789abcdef0123456789abcdef&since=${since}`],
  ['fleet-machine', '/fleet/machine?id=fe1e0123456789abfe1e01235ee00019'],
]

/** One look at a page. */
export interface Show {
  readonly name: string
  readonly path: string
  readonly scheme: 'light' | 'dark'
  readonly size: { readonly width: number; readonly height: number }
  readonly scripts: boolean
  readonly lang: 'en' | 'zh-CN'
}

const phone = { width: 360, height: 740 }
const desktop = { width: 1280, height: 900 }

const ways: readonly (readonly [name: string, way: Omit<Show, 'name' | 'path'>])[] = [
  ['light-desktop', { scheme: 'light', size: desktop, scripts: true, lang: 'en' }],
  ['dark-desktop', { scheme: 'dark', size: desktop, scripts: false, lang: 'zh-CN' }],
  ['light-phone', { scheme: 'light', size: phone, scripts: false, lang: 'zh-CN' }],
  ['dark-phone', { scheme: 'dark', size: phone, scripts: true, lang: 'en' }],
]

export const shows: readonly Show[] = pages.flatMap(([page, path]) =>
  ways.map(([way, rest]) => ({ name: `${page}-${way}`, path, ...rest })),
)

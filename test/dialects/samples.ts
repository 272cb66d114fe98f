/** Requests in the shapes that Chromium 156 and its updater send, as the protocols and the traffic of the browser have them. */

export const extension = 'ghbmnnjooekpmoecnnnilnnbdlolhkhi'
export const browser = '{0ab12c34-5d6e-4f70-8a9b-0c1d2e3f4a5b}'
const uuid = '{c1b1d6a0-3f35-4f0a-9d2f-2c8c4b5f1e10}'

const shared = {
  ...{ '@os': 'linux', '@updater': 'chromiumcrx', acceptformat: 'crx3,download,puff,run,xz,zucc', arch: 'x64' },
  ...{ dedup: 'cr', domainjoined: false, hw: { avx: true, physmemory: 15, sse: true }, ismachine: true },
  ...{ os: { arch: 'x86_64', platform: 'Linux', version: '6.12.0' }, prodchannel: '', prodversion: '156.0.8078.79' },
  ...{ requestid: uuid, sessionid: uuid, updaterchannel: '', updaterversion: '156.0.8078.79', wow64: false },
}

/** An extension that is checked. */
export const check4 = (app: object = {}, request: object = {}) => ({
  request: {
    ...{ ...shared, protocol: '4.0', ...request },
    apps: [
      {
        ...{ appid: extension, version: '1.0', enabled: true, installedby: 'policy', installsource: 'scheduler' },
        ...{ lang: 'en-US', ping: { r: -1 }, cached_items: [{ sha256: 'a1'.repeat(32) }], updatecheck: {}, ...app },
      },
    ],
  },
})

/** What a browser does with a package, step by step. */
export const pingBack4 = {
  request: {
    ...{ ...shared, protocol: '4.0' },
    apps: [
      {
        ...{ appid: extension, version: '2.0', cohort: ':0042', enabled: true, installdate: 7273, lang: 'en-US' },
        events: [
          {
            eventtype: 14,
            eventresult: 1,
            downloader: 'direct',
            download_time_ms: 12,
            downloaded: 9,
            total: 9,
            url: 'u',
          },
          { eventtype: 63, eventresult: 0, errorcat: 2, errorcode: 2, extracode1: 8, pipeline_id: 'full' },
          { eventtype: 3, eventresult: 1, previousversion: '1.0', nextversion: '2.0' },
        ],
      },
    ],
  },
}

/** The updater of a browser, and the browser itself. */
export const check31 = (app: object = {}, request: object = {}) => ({
  request: {
    ...{ ...shared, '@updater': 'updater', protocol: '3.1', acceptformat: 'crx3,puff', ismachine: 1, wow64: 'false' },
    ...{ nacl_arch: 'x86-64', updater: { autoupdatecheckenabled: true, name: 'updater', updatepolicy: 1 }, ...request },
    app: [
      {
        ...{ appid: browser, version: '156.0.8078.1', ap: '', brand: 'GGLS', iid: uuid, installdate: 7000 },
        ...{ cohort: '', cohorthint: '', cohortname: '', release_channel: '', ping: { ad: 7270, rd: 7270 } },
        ...{ packages: { package: [{ fp: `1.${'b2'.repeat(32)}` }] }, disabled: [{ reason: 0 }] },
        ...{
          data: [
            { name: 'install', index: 'verboselogging' },
            { name: 'untrusted', '#text': 'x' },
          ],
        },
        ...{ updatecheck: { sameversionupdate: true }, ...app },
      },
    ],
  },
})

export const pingBack31 = {
  request: {
    ...{ ...shared, protocol: '3.1' },
    app: [
      { appid: browser, version: '0.0.0.0', event: [{ eventtype: 2, eventresult: 4, nextversion: '156.0.8078.79' }] },
    ],
  },
}

/** The query of a forced extension's check. */
export const gupdateQuery = (apps: readonly string[], more = ''): string => {
  const client =
    'os=linux&arch=x64&prod=chromiumcrx&prodchannel=&prodversion=156.0.8078.79&lang=en-US&acceptformat=crx3,puff'
  return `?${more}${client}${apps.map((app) => `&x=${encodeURIComponent(app)}`).join('')}`
}

export const gupdateApp = (version = '1.0', id = extension): string =>
  `id=${id}&v=${version}&installsource=notfromwebstore&installedby=policy&uc`

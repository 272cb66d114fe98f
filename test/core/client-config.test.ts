/** What is written for machines is read by real parsers as what was meant, and what people get wrong is found. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkUpdateConf } from '../../src/clients/check.ts'
import {
  type Answers,
  type ClientConfig,
  formatsOf,
  readClientConfig,
  renderClientConfig,
} from '../../src/clients/config.ts'

const url = 'https://updates.example.org'

/** Everything that `readClientConfig` takes. */
const answers: fc.Arbitrary<Answers> = fc.record({
  group: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}[a-z0-9]$/),
  system: fc.constantFrom('flatcar', 'coreos'),
  strategy: fc.constantFrom('reboot', 'etcd-lock', 'off', 'best-effort'),
  url: fc.constantFrom(url, 'http://[fd00::1]:8787', 'https://example.org/updates'),
  lock: fc.constantFrom('', url, 'https://example.org/lock/t0ken/?a=b%20c'),
  start: fc.constant('Thu 04:00'),
  length: fc.constantFrom('1h', '90m', '1h30m', '167h'),
})

const configOf = (request: Answers): ClientConfig => {
  const read = readClientConfig(request)
  if ('wrong' in read) throw new Error(`wrong: ${read.wrong}`)
  return read.config
}

/** As systemd and shells read it. */
const variables = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => /^([A-Z_]+)="?(.*?)"?$/.exec(line)?.slice(1, 3) ?? [line, '']),
  )

const meant = ({ group, server, strategy, window, lock }: ClientConfig): Record<string, string> => ({
  GROUP: group,
  SERVER: server,
  REBOOT_STRATEGY: strategy,
  ...(window && { LOCKSMITHD_REBOOT_WINDOW_START: window.start, LOCKSMITHD_REBOOT_WINDOW_LENGTH: window.length }),
  ...(lock && { LOCKSMITHD_ENDPOINT: lock }),
})

describe('for any configuration', () => {
  const each = (name: string, check: (config: ClientConfig) => void): void =>
    test(name, () => fc.assert(fc.property(answers, (request) => check(configOf(request)))))

  each('update.conf says it, and has no mistakes', (config) => {
    const text = renderClientConfig('update.conf', config)
    expect(variables(text)).toEqual(meant(config))
    const ref = config.server.replace(/\/v1\/update\/$/, '')
    expect(checkUpdateConf(text, { groups: [config.group], url: ref })).toEqual([])
  })

  each('cloud-config says it', ({ group, server, strategy, window, lock, ...config }) => {
    const text = renderClientConfig('cloud-config', {
      group,
      server,
      strategy,
      ...(window && { window }),
      ...(lock && { lock }),
      ...config,
    })
    expect(text).toMatch(/^#cloud-config\n/)
    const { coreos } = parse(text)
    expect(coreos.update).toEqual({ group, server, 'reboot-strategy': strategy })
    expect(coreos.locksmith).toEqual({
      ...(lock && { endpoint: lock }),
      window_start: window?.start,
      window_length: window?.length,
    })
  })

  each('a Container Linux Config says it', (config) => {
    const { update, locksmith } = parse(renderClientConfig('clc', config))
    expect(update).toEqual({ group: config.group, server: config.server })
    expect(locksmith).toMatchObject({ reboot_strategy: config.strategy, window_start: 'Thu 04:00' })
    expect(locksmith.etcd_endpoints).toBe(config.lock)
  })

  each('Ignition writes that very update.conf where the system reads it', (config) => {
    const { storage } = JSON.parse(renderClientConfig('ignition', config))
    const [file] = storage.files
    expect(file).toMatchObject({ path: `/etc/${config.system}/update.conf`, mode: 0o644 })
    expect(decodeURIComponent(file.contents.source.slice('data:,'.length))).toBe(
      renderClientConfig('update.conf', config),
    )
  })

  each('Butane does, too, for the system that knows it', (config) => {
    expect(formatsOf(config.system).includes('butane')).toBe(config.system === 'flatcar')
    const { variant, storage } = parse(renderClientConfig('butane', { ...config, system: 'flatcar' }), {
      version: '1.1',
    })
    const [file] = storage.files
    expect([variant, file.path, file.mode]).toEqual(['flatcar', '/etc/flatcar/update.conf', 0o644])
    expect(file.contents.inline).toBe(renderClientConfig('update.conf', config))
  })
})

test.each<[string, Answers, object]>([
  ['best-effort with a lock', { strategy: 'best-effort', lock: url }, { strategy: 'etcd-lock', lock: url }],
  ['best-effort without', { strategy: 'best-effort' }, { strategy: 'reboot' }],
  ['a lock that no strategy asks for', { strategy: 'off', lock: url }, { strategy: 'off' }],
  ['a URL that ends in a slash', { url: `${url}/` }, { strategy: 'reboot' }],
])('%s', (_, request, want) => {
  expect(configOf({ group: 'stable', url, ...request })).toEqual({
    ...{ system: 'flatcar', group: 'stable', server: `${url}/v1/update/` },
    ...want,
  })
})

test.each<[string, Answers, wrong: readonly string[]]>([
  ['a line feed in a name', { group: 'stable\nSERVER=http://evil/' }, ['group']],
  ['a name in quotes', { group: '"stable"' }, ['group']],
  ['no name', { group: '' }, ['group']],
  ['another system', { system: 'windows' }, ['system']],
  ['an unknown strategy', { strategy: 'Reboot' }, ['strategy']],
  ['a start without a length', { start: '04:00' }, ['window']],
  ['an hour of one digit', { start: 'Thu 4:00', length: '1h' }, ['start']],
  ['an invalid time', { start: '24:00', length: '1h' }, ['start']],
  ['a whole day, every day', { start: '04:00', length: '24h' }, ['length']],
  ['a week, each week', { start: 'Thu 04:00', length: '168h' }, ['length']],
  ['no length at all', { start: '04:00', length: '0h' }, ['length']],
  ['a quote in a URL', { lock: 'https://x/"' }, ['lock']],
  ['another scheme', { lock: 'javascript:alert(1)' }, ['lock']],
  ['everything at once', { group: '', url: 'x', strategy: '', length: '1h' }, ['group', 'url', 'strategy', 'window']],
])('%s is refused', (_, request, wrong) => {
  expect(readClientConfig({ group: 'stable', url, ...request })).toEqual({ wrong })
})

const good = `GROUP=stable\nSERVER=${url}/v1/update/\n`
const windowOf = (start: string, length = '2h'): string =>
  `${good}REBOOT_WINDOW_START=${start}\nREBOOT_WINDOW_LENGTH=${length}\n`
const deployment = { groups: ['stable', 'beta'], url }

test.each<[string, text: string, mistakes: readonly [line: number, words: RegExp][]]>([
  ['nothing', good, []],
  ['comments and empty lines', `# ours\n\n${good}`, []],
  ['CRLF', good.replaceAll('\n', '\r\n'), [[1, /CRLF/]]],
  ['a byte order mark', `\ufeff${good}`, [[1, /byte order mark/]]],
  ['quotes', good.replace('stable', '"stable"'), [[1, /quotes/]]],
  [
    'one quote',
    good.replace('stable', "stable'"),
    [
      [1, /quotes/],
      [1, /no channel/],
    ],
  ],
  ['blanks around', good.replace('GROUP=', 'GROUP = '), [[1, /blanks/]]],
  ['blanks at the end', good.replace('stable', 'stable  '), [[1, /blanks at the end/]]],
  ['export', `export ${good}`, [[1, /export/]]],
  ['a key twice', `${good}GROUP=beta\n`, [[3, /line 1 already/]]],
  ['a channel that is not here', good.replace('stable', 'edge'), [[1, /no channel "edge"/]]],
  ['no GROUP', good.replace(/^.*\n/, ''), [[0, /GROUP is missing/]]],
  ['no SERVER', good.replace(/SERVER=.*\n/, ''), [[0, /SERVER is missing/]]],
  ['an empty GROUP', good.replace('stable', ''), [[1, /empty/]]],
  ['http', good.replace('https', 'http'), [[2, /http, where https/]]],
  ['disabled', good.replace(/SERVER=.*/, 'SERVER=disabled'), [[2, /stops all updates/]]],
  ['no URL', good.replace(/SERVER=.*/, 'SERVER=updates.example.org'), [[2, /no http\(s\) URL/]]],
  ['another server', good.replace('updates.', 'public.'), [[2, /another server/]]],
  ['another path', good.replace('/v1/update/', '/'), [[2, /at that path/]]],
  ['a path before ours', good.replace('/v1/', '/x/v1/'), [[2, /at that path/]]],
  ['a slash too many', good.replace('/v1/', '//v1/'), [[2, /at that path/]]],
  ['the path of CoreUpdate', good.replace('/v1/update/', '/omaha/'), []],
  ['no slash at its end', good.replace('/update/', '/update'), []],
  ['neither', good.replace('/v1/update/', '/omaha'), []],
  ['a look-alike', good.replace('example.org', 'example.org.evil.net'), [[2, /another server/]]],
  ['a comment behind', good.replace('stable', 'stable # ours'), [[1, /comment becomes/]]],
  ['best-effort', `${good}REBOOT_STRATEGY=best-effort\n`, [[3, /removed in locksmith 0.6/]]],
  ['an unknown strategy', `${good}REBOOT_STRATEGY=later\n`, [[3, /no strategy/]]],
  ['a key in small letters', `${good}reboot_strategy=off\n`, [[3, /nothing reads/]]],
  ['a quoted alias', `${good}MACHINE_ALIAS="my host"\n`, [[3, /broken XML/]]],
  ['an unquoted window', `${good}REBOOT_WINDOW_START=Thu 04:00\nREBOOT_WINDOW_LENGTH=1h\n`, [[3, /has a blank/]]],
  ['half a window', `${good}LOCKSMITHD_REBOOT_WINDOW_LENGTH=1h\n`, [[3, /a start and a length/]]],
  ['a day in small letters', windowOf('"thu 4:00"'), []],
  ['more blanks, and a minute', windowOf('"SUN  4:5"'), []],
  ['an hour of one digit, a day long', windowOf('4:00', '24h'), [[3, /cannot read/]]],
  ['a day in full', windowOf('"Thursday 04:00"'), [[3, /cannot read/]]],
  ['an invalid hour', windowOf('"thu 24:00"'), [[3, /cannot read/]]],
  ['a window that never ends', `${good}REBOOT_WINDOW_START=04:00\nREBOOT_WINDOW_LENGTH=30h\n`, [[3, /cannot read/]]],
  ['no setting', `${good}nonsense\n`, [[3, /sets nothing/]]],
  ['no end', good.trimEnd(), [[2, /no end/]]],
  ['an object’s own name', `${good}constructor=1\n`, [[3, /nothing reads/]]],
])('mistakes in an update.conf with %s', (_, text, mistakes) => {
  const found = checkUpdateConf(text, deployment)
  expect(found.map(({ line }) => line)).toEqual(mistakes.map(([line]) => line))
  for (const [i, [, words]] of mistakes.entries()) expect(found[i]?.problem).toMatch(words)
  for (const { fix } of found) expect(fix).not.toBe('')
})

test('any update.conf can be checked, in linear time', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void checkUpdateConf(text, deployment)))
  // A pattern that goes back and forth would never end here.
  expect(checkUpdateConf('GROUP = "\r\n'.repeat(100_000), deployment)).not.toEqual([])
})

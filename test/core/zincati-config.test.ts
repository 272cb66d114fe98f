/** What is written for Zincati is read by real parsers as what was meant; what it would refuse or ignore is refused. */
import fc from 'fast-check'
import { parse as parseToml } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import {
  readZincati,
  renderZincati,
  type Zincati,
  type ZincatiAnswers,
  zincatiPath,
} from '../../src/clients/zincati.ts'

const url = 'https://updates.example.org'

const configOf = (answers: ZincatiAnswers): Zincati => {
  const read = readZincati({ url, ...answers })
  if (!('strategy' in read)) throw new Error(read.join('; '))
  return read
}
const tomlOf = (answers: ZincatiAnswers) => parseToml(renderZincati('zincati', configOf(answers)))

test.each<[string, ZincatiAnswers, object]>([
  ['nothing but the server', {}, { updates: { enabled: true, strategy: 'immediate' } }],
  ['as locksmith names it', { strategy: 'reboot' }, { updates: { enabled: true, strategy: 'immediate' } }],
  [
    'a lock of this server',
    { strategy: 'etcd-lock', group: 'workers' },
    {
      identity: { group: 'workers' },
      updates: { enabled: true, strategy: 'fleet_lock', fleet_lock: { base_url: `${url}/` } },
    },
  ],
  [
    'a lock with a token, and a wariness',
    { strategy: 'fleet_lock', lock: `${url}/lock/t0ken`, wariness: '0.001' },
    {
      identity: { rollout_wariness: 0.001 },
      updates: { enabled: true, strategy: 'fleet_lock', fleet_lock: { base_url: `${url}/lock/t0ken/` } },
    },
  ],
  [
    'a window of one day',
    { start: 'Thu 04:00', length: '26h' },
    periodic({ days: ['Thu'], start_time: '04:00', length_minutes: 1560 }),
  ],
  [
    'a window of every day',
    { start: '23:30', length: '1h30m', strategy: 'periodic' },
    periodic({
      days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
      ...{ start_time: '23:30', length_minutes: 90 },
    }),
  ],
])('%s', (_, answers, want) => {
  expect(tomlOf(answers)).toEqual({ cincinnati: { base_url: `${url}/` }, ...want })
})

function periodic(window: object): object {
  const periodic = { time_zone: 'localtime', window: [window] }
  return { updates: { enabled: true, strategy: 'periodic', periodic } }
}

test.each<[ZincatiAnswers, string]>([
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Zincati fills these in.
  [{ url: 'https://${group}.example.org' }, '--public-url is not a plain http(s) URL'],
  [{ strategy: 'off' }, '--strategy is immediate, fleet_lock or periodic'],
  [{ strategy: 'constructor' }, '--strategy is immediate, fleet_lock or periodic'],
  [{ strategy: 'fleet_lock', lock: 'updates' }, '--lock is not a plain http(s) URL'],
  [{ lock: url }, '--lock is for --strategy fleet_lock'],
  [{ strategy: 'fleet_lock', start: '04:00', length: '1h' }, 'Zincati has either a lock or a window: leave one out'],
  [{ strategy: 'periodic', length: '1h' }, '--window-start is a time such as 04:00, or "Thu 04:00"'],
  [{ start: '04:00', length: '24h' }, '--window-length is a length such as 1h or 90m'],
  [{ start: '04:00' }, '--window-length is a length such as 1h or 90m'],
  [{ group: 'work_ers' }, '--group has other characters than A-Z a-z 0-9 . -'],
  ...['1.5', '-0.1', 'NaN', ''].map((wariness): [ZincatiAnswers, string] => [
    { wariness },
    '--wariness is a number of 0 to 1',
  ]),
])('%o is refused', (answers, words) => {
  expect(readZincati({ url, ...answers })).toEqual([words])
})

describe('for any configuration', () => {
  const answers = fc.record({
    url: fc.constantFrom(url, 'http://[fd00::1]:8787', 'https://example.org/updates/'),
    strategy: fc.constantFrom('immediate', 'fleet_lock'),
    group: fc.option(fc.stringMatching(/^[a-zA-Z0-9.-]{1,20}$/), { nil: undefined }),
    wariness: fc.option(
      fc.integer({ min: 0, max: 1_000_000 }).map((n) => (n / 1e6).toFixed(6)),
      { nil: undefined },
    ),
  })
  test('Butane has the TOML, and the TOML all of it', () =>
    fc.assert(
      fc.property(answers, (given) => {
        const config = configOf(given)
        const toml = renderZincati('zincati', config)
        const [file, ...others] = parseYaml(renderZincati('butane', config), { version: '1.1' }).storage.files
        expect(others).toEqual([])
        expect(file).toEqual({ path: zincatiPath, overwrite: true, mode: 0o644, contents: { inline: toml } })
        expect(parseToml(toml)).toMatchObject({
          cincinnati: { base_url: `${given.url.replace(/\/$/, '')}/` },
          updates: { strategy: given.strategy },
        })
        const { group, rollout_wariness: wariness } = { ...(parseToml(toml).identity as Record<string, unknown>) }
        expect(group).toBe(given.group)
        expect(wariness).toBe(given.wariness === undefined ? undefined : Number(given.wariness))
      }),
    ))
})

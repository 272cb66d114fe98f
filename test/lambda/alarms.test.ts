/** What infra/aws/template.yaml makes of the lines of a function: alarms, and contacts in the bucket. Both are off by default. */
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { linesOf } from '../../src/events/files.ts'
import type { Sighting } from '../../src/fleet/facts.ts'
import { readLine } from '../../src/fleet/lines.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { useCredentials } from '../s3/open.ts'
import { day } from '../world.ts'
import { doors } from './doors.ts'
import { useFunction } from './function.ts'
import { startBucketStore } from './store.ts'
import { resourcesOf } from './template.ts'

const { start, logged } = useFunction()
/** Of a catalog that is valid for 14 days, less than a third is left. */
const { s3, env, timestampKey } = await startBucketStore(() => systemClock() - 12 * day)
useCredentials(s3)
const invoke = await start(env)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})

const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const omaha = (content: string): string =>
  `<request protocol="3.0"><app appid="{${app}}" version="1.0.0" track="stable" board="amd64-usr" machineid="m">${content}</app></request>`
const post = (body: string) =>
  doors['function URL']({ method: 'POST', path: '/v1/update/', headers: {}, body: new TextEncoder().encode(body) })

const { on, off } = {
  on: resourcesOf({ EventsDays: '30', AlarmEmail: 'ops@example.org' }),
  off: resourcesOf({}),
}

interface Filter {
  readonly FilterPattern: string
}
const filterOf = (name: string): ((line: unknown) => boolean) => patternOf((on.get(name) as Filter).FilterPattern)

/** The patterns of CloudWatch Logs for JSON that the template uses. @throws Error for any other. */
function patternOf(text: string): (line: unknown) => boolean {
  const inner = /^\{ (.*) \}$/.exec(text)?.[1] ?? ''
  const [operator = '&&'] = inner.match(/&&|\|\|/) ?? []
  const terms = inner.split(` ${operator} `).map((term) => {
    const [, path = '', quoted, number] =
      /^\(?\$((?:\.\w+|\[\d+\])+) = (?:"([^"]*)"|(\d+))\)?$/.exec(term) ?? expect.unreachable(text)
    const want = quoted === undefined ? Number(number) : quoted
    return (line: unknown): boolean => {
      const value = [...path.matchAll(/\w+/g)].reduce<unknown>((at, [name]) => (at as never)?.[name], line)
      return want === '*' ? value !== undefined : value === want
    }
  })
  return (line) => (operator === '&&' ? terms.every((is) => is(line)) : terms.some((is) => is(line)))
}

const metricFilters = ['HealthFilter', 'ExpiredFilter', 'ErrorFilter', 'RefusalFilter', 'FailureFilter'] as const
const caughtBy = (line: object): readonly string[] => metricFilters.filter((name) => filterOf(name)(line))

test('without the parameters there is none of it', () => {
  const added = [...on.keys()].filter((name) => !off.has(name))
  expect(added.filter((name) => name.endsWith('Alarm'))).toHaveLength(7)
  expect(added).toEqual(expect.arrayContaining(['Topic', 'EventsStream', 'EventsSubscription']))
  expect([...off.keys()].filter((name) => /Alarm|Filter|Events|Topic|Subscription/.test(name))).toEqual([])
})

test('every alarm goes to the topic, and watches what a filter or Lambda counts', () => {
  const counted = metricFilters.map((name) => JSON.stringify(on.get(name)))
  for (const [name, resource] of on) {
    if (!name.endsWith('Alarm')) continue
    const { Namespace, MetricName, AlarmActions } = resource as Readonly<Record<string, unknown>>
    expect(AlarmActions).toEqual(['Topic'])
    if (Namespace === 'AWS/Lambda') continue
    const is = (one: string): boolean =>
      one.includes(JSON.stringify(MetricName)) && one.includes(JSON.stringify(Namespace))
    expect(counted.filter(is), name).toHaveLength(1)
  }
})

describe('the lines of a function', () => {
  test('a check is of no alarm', async () => {
    await invoke(post(omaha('<updatecheck/>')))
    expect(logged().flatMap(caughtBy)).toEqual([])
  })

  test.each([
    ['an update that failed', omaha('<event eventtype="3" eventresult="0" errorcode="9"/>'), ['FailureFilter']],
    ['a request that is refused', 'no request', ['RefusalFilter']],
  ])('%s', async (_, body, wanted) => {
    await invoke(post(body))
    expect(logged().flatMap(caughtBy)).toEqual(wanted)
  })

  test('a catalog that cannot be signed again, and one that has expired', async () => {
    const keyed = await start({ ...env, PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK', TIMESTAMP_JWK: 'no key' })
    await keyed({ source: 'platte.refresh' })
    expect(logged().flatMap(caughtBy)).toEqual(['ErrorFilter', 'HealthFilter'])
    expect(logged().at(-1)).toMatchObject({ event: 'health', problem: expect.stringContaining('was not refreshed') })
    vi.useFakeTimers({ toFake: ['Date'], now: systemClock() + 3 * day })
    try {
      await keyed(post(omaha('<updatecheck/>')))
    } finally {
      vi.useRealTimers()
    }
    expect(caughtBy(logged().at(-1) ?? {})).toEqual(['ExpiredFilter'])
  })

  test('a catalog that is signed again is of no alarm', async () => {
    const keyed = await start({ ...env, PLATTE_TIMESTAMP_KEY: 'env://TIMESTAMP_JWK', TIMESTAMP_JWK: timestampKey })
    await keyed({ source: 'platte.refresh' })
    expect(logged().map(({ event }) => event)).toEqual(['refresh'])
    expect(logged().flatMap(caughtBy)).toEqual([])
  })
})

test('contacts alone reach the bucket, as lines that are read again', async () => {
  await invoke(post(omaha('<updatecheck/>')))
  await invoke(post('no request'))
  await invoke({ source: 'platte.refresh' })
  const sent = logged().filter(filterOf('EventsSubscription'))
  expect(sent.map(({ event }) => event)).toEqual(['contact', 'contact'])
  const found: string[] = []
  const projection = {
    sighting: ({ machine }: Sighting) => void found.push(machine),
    refused: () => void found.push('refused'),
    unreadable: () => void found.push('unreadable'),
    foreign: () => void found.push('foreign'),
    lost: () => {},
  }
  const file = sent.map((line) => `${JSON.stringify(line)}\n`).join('')
  for await (const lines of linesOf(Readable.from([Buffer.from(file)])))
    for (const line of lines) readLine(line ?? '', projection)
  expect(found).toEqual(['m', 'refused'])
})

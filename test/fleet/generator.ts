/** A fleet of states, with a record of its own of what became of every machine; and its lines as each source has them. */
import { gzipSync } from 'node:zlib'
import type { State } from '../../src/fleet/machine.ts'
import { logLine } from '../../src/kernel/json-log.ts'
import type { Documents } from '../../src/store/documents.ts'

export const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
export const [old, next] = ['4081.2.0', '4152.2.0']
export const start = Date.UTC(2026, 10, 23, 6)
const minute = 60_000

/** What one machine ends as. */
export interface Expected {
  readonly machine: string
  readonly state: State
  readonly version: string
  readonly detail: string
  readonly channel: string
  readonly oem: string
  /** Of the states that it goes through. */
  readonly changes: number
  readonly first: number
  readonly last: number
  /** What it ran, from when on. */
  readonly runs: readonly Run[]
}

interface Run {
  readonly at: number
  readonly channel: string
  readonly version: string
}

export interface Line {
  readonly at: number
  readonly text: string
}

type Script = (
  say: (afterMinutes: number, fields: object) => void,
) => Pick<Expected, 'state' | 'version' | 'detail' | 'changes'>

const check = (reason = 'up-to-date', more: object = {}): object => ({
  check: true,
  ping: true,
  decision: 'no-update',
  reason,
  ...more,
})
const offer = { check: true, ping: true, decision: 'update', offered: next }
const event = (type: number, result: number, more: object = {}): object => ({ reported: [{ type, result, ...more }] })
const ends = (state: State, changes: number, more: Partial<Expected> = {}) => ({
  state,
  changes,
  version: old,
  detail: '',
  ...more,
})

/** The fourteen. Each says what it ends as. */
export const scripts: Readonly<Record<string, Script>> = {
  'up to date': (say) => {
    for (const at of [0, 45, 90]) say(at, check('up-to-date', { version: next }))
    return ends('up-to-date', 1, { version: next })
  },
  'only pings': (say) => {
    for (const at of [0, 45]) say(at, { ping: true })
    return ends('seen', 1)
  },
  offered: (say) => {
    for (const at of [0, 45]) say(at, offer)
    return ends('offered', 1)
  },
  'not in the ramp': (say) => {
    for (const at of [0, 45]) say(at, check('not-in-ramp'))
    return ends('waiting', 1, { detail: 'not-in-ramp' })
  },
  held: (say) => {
    say(0, offer)
    say(45, check('held'))
    return ends('waiting', 2, { detail: 'held' })
  },
  downloading: (say) => {
    say(0, offer)
    say(1, event(13, 1))
    return ends('downloading', 2)
  },
  downloaded: (say) => {
    say(0, offer)
    say(1, event(13, 1))
    say(5, event(14, 1))
    return ends('downloaded', 3)
  },
  'waiting for its reboot': (say) => {
    say(0, offer)
    say(1, event(13, 1))
    say(5, event(14, 1))
    say(6, event(3, 1))
    for (const at of [51, 96]) say(at, { ping: true })
    return ends('installed', 4)
  },
  'just rebooted': (say) => {
    say(0, offer)
    say(1, event(13, 1))
    say(6, event(3, 1))
    say(60, { ...check(), ...event(3, 2, { previous: old }), version: next })
    return ends('rebooted', 4, { version: next })
  },
  'done by go-omaha': (say) => {
    say(0, offer)
    say(1, event(14, 1))
    for (const at of [60, 105]) say(at, check('up-to-date', { version: next }))
    return ends('up-to-date', 4, { version: next })
  },
  'failing downloads': (say) => {
    for (const at of [0, 45]) {
      say(at, offer)
      say(at + 1, event(13, 1))
      say(at + 2, event(3, 0, { error: '9 download-transfer' }))
    }
    return ends('failed', 5, { detail: '9 download-transfer' })
  },
  'wrong bytes': (say) => {
    say(0, offer)
    say(1, event(13, 1))
    say(2, event(3, 0, { error: '10 payload-hash' }))
    say(47, offer)
    return ends('failed', 3, { detail: '10 payload-hash' })
  },
  'fell back': (say) => {
    say(0, offer)
    say(1, event(13, 1))
    say(6, event(3, 1))
    say(60, { ...check('fell-back'), ...event(3, 0, { error: '44 rollback' }) })
    say(105, offer)
    return ends('fell-back', 4)
  },
  'moved channels': (say) => {
    say(0, check('up-to-date', { channel: 'beta', version: next }))
    say(45, check('up-to-date', { version: next }))
    return ends('up-to-date', 2, { version: next })
  },
}

/** @returns the lines in the order of time, and what they make. */
export function makeFleet(
  count: number,
  from = start,
): { readonly lines: readonly Line[]; readonly machines: readonly Expected[] } {
  const lines: Line[] = []
  const names = Object.keys(scripts)
  const machines = Array.from({ length: count }, (_, i): Expected => {
    const machine = i.toString(16).padStart(32, '0')
    const oem = ['ami', 'azure', 'qemu'][i % 3] ?? ''
    const runs: Run[] = []
    const times: number[] = []
    const say = (afterMinutes: number, fields: object): void => {
      const at = from + afterMinutes * minute + i * 17
      const { channel, version } = { channel: 'stable', version: old, ...fields }
      if (channel !== runs.at(-1)?.channel || version !== runs.at(-1)?.version) runs.push({ at, channel, version })
      times.push(at)
      const whole = {
        app,
        channel: 'stable',
        version: old,
        board: 'amd64-usr',
        machine,
        oem,
        source: 'scheduler',
        ...fields,
      }
      lines.push({
        at,
        text: logLine(at, { level: 'info', event: 'contact', ...whole, requestId: `r${i}-${at}` }).trimEnd(),
      })
    }
    const script = scripts[names[i % names.length] ?? '']
    if (script === undefined) throw new Error('no script')
    const end = script(say)
    return { machine, oem, channel: 'stable', ...end, first: Math.min(...times), last: Math.max(...times), runs }
  })
  return { lines: lines.sort((a, b) => a.at - b.at), machines }
}

/** Files of about this many lines. */
const fileLines = 97

const recordsOf = (lines: readonly Line[]) =>
  Buffer.concat([control, ...chunked(lines, 10).map(recordOf)].map((record) => gzipSync(JSON.stringify(record))))

/** Lambda's own, around those of the function. */
const platformLines = [
  '{"time":"2026-11-23T06:00:00.000Z","type":"platform.start","record":{"requestId":"8f5c1f0e","version":"$LATEST"}}',
  '{"time":"2026-11-23T06:00:00.003Z","type":"platform.report","record":{"requestId":"8f5c1f0e","status":"success"}}',
] as const

/** The bytes of one file, by its source. */
const writers = {
  platte: (lines: readonly Line[]) => gzipSync(lines.map(({ text }) => `${text}\n`).join('')),
  logpush: (lines: readonly Line[]) => gzipSync(lines.map((line) => `${JSON.stringify(traceOf(line))}\n`).join('')),
  firehose: recordsOf,
  /** Firehose packs again what CloudWatch packed. */
  'firehose, packed': (lines: readonly Line[]) => gzipSync(recordsOf(lines)),
  /** Firehose takes the messages out of the records. */
  'firehose, messages': (lines: readonly Line[]) =>
    gzipSync(lines.map(({ text }) => platformLines[0] + text + platformLines[1]).join('')),
}

export type Source = keyof typeof writers
export const sources = Object.keys(writers) as readonly Source[]

const nameOfFirehose = (at: Date, i: number): string =>
  `events/dt=${at.toISOString().slice(0, 10)}/hr=${at.toISOString().slice(11, 13)}/platte-1-2026-11-23-06-00-${i}-0a0b0c0d.gz`

const names: Readonly<Record<Source, (at: Date, i: number) => string>> = {
  platte: (at, i) =>
    `events/dt=${at.toISOString().slice(0, 10)}/hr=${at.toISOString().slice(11, 13)}/${String(i).padStart(6, '0')}-0a0b0c0d.ndjson.gz`,
  logpush: (at, i) =>
    `events/dt=${at.toISOString().slice(0, 10).replaceAll('-', '')}/20261123T0600${i}Z_20261123T0601${i}Z_0a0b0c0d.log.gz`,
  firehose: nameOfFirehose,
  'firehose, packed': nameOfFirehose,
  'firehose, messages': nameOfFirehose,
}

export interface EventFile {
  readonly key: string
  readonly bytes: Uint8Array
}

export const filesOf = (lines: readonly Line[], source: Source): readonly EventFile[] =>
  ofHours(lines)
    .flatMap((one) => chunked(one, fileLines))
    .map((some, i) => ({
      key: names[source](new Date(some[0]?.at ?? start), i),
      bytes: writers[source](some),
    }))

export async function store(documents: Documents, files: readonly EventFile[]): Promise<void> {
  for (const { key, bytes } of files) await documents.create(key, bytes)
}

const hourMs = 60 * 60 * 1000

/** Runs of lines that are of one hour: servers' files are of a minute. */
function ofHours(lines: readonly Line[]): readonly (readonly Line[])[] {
  const runs: Line[][] = []
  for (const line of lines) {
    const run = runs.at(-1)
    if (run?.[0] && Math.floor(run[0].at / hourMs) === Math.floor(line.at / hourMs)) run.push(line)
    else runs.push([line])
  }
  return runs
}

const chunked = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** A Workers trace event, with the fields that Logpush has by default. */
const traceOf = ({ at, text }: Line): object => ({
  DispatchNamespace: '',
  Entrypoint: '',
  Event: {
    RayID: '9a3f5c2e1b7d4e60',
    Request: { URL: 'https://updates.example.org/v1/update/', Method: 'POST' },
    Response: { Status: 200 },
  },
  EventTimestampMs: at,
  EventType: 'fetch',
  Exceptions: [],
  Logs: [{ Level: 'log', Message: [text], TimestampMs: at }],
  Outcome: 'ok',
  ScriptName: 'platte',
  ScriptTags: [],
  ScriptVersion: { id: '6f1b2f8e-5f0d-4a51-9d4f-2f5c9a0f7b11' },
})

const stream = {
  owner: '123456789012',
  logGroup: '/aws/lambda/platte',
  logStream: '2026/11/23/[$LATEST]0a1b2c3d4e5f60718293a4b5c6d7e8f9',
  subscriptionFilters: ['platte-events'],
}

/** What CloudWatch sends first, to see that the destination is there. */
const control = {
  messageType: 'CONTROL_MESSAGE',
  ...{ ...stream, owner: 'CloudwatchLogs', logGroup: '', logStream: '', subscriptionFilters: [] },
  logEvents: [{ id: '', timestamp: start, message: 'CWL CONTROL MESSAGE: Checking health of destination Firehose.' }],
}

/** A record of a subscription, with the lines of the platform around those of the function. */
const recordOf = (lines: readonly Line[]): object => ({
  messageType: 'DATA_MESSAGE',
  ...stream,
  logEvents: [
    'START RequestId: 8f5c1f0e-0b56-5f8d-8a5c-7d1f6f3c2b1a Version: $LATEST\n',
    ...lines.map(({ text }) => `${text}\n`),
    'REPORT RequestId: 8f5c1f0e-0b56-5f8d-8a5c-7d1f6f3c2b1a\tDuration: 2.31 ms\tBilled Duration: 3 ms\n',
  ].map((message, i) => ({ id: String(i).padStart(56, '3'), timestamp: lines[0]?.at ?? start, message })),
})

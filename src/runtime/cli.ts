/** Commands that serve: a store, or a development store that they make. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { initialise } from '../catalog/cli/store.ts'
import { refresh } from '../catalog/edit-catalog.ts'
import { summarise } from '../catalog/summary.ts'
import { publish } from '../channels/publish.ts'
import type { Source } from '../channels/staging.ts'
import {
  askSecret,
  command,
  environmentOf,
  keyAccessOf,
  type Options,
  openingWith,
  serverFlags,
} from '../cli/options.ts'
import { noticeUrl, serveUntilStopped } from '../cli/serve.ts'
import { notice, warn } from '../cli/terminal.ts'
import { readSettings } from './settings.ts'
import { openPublishing, openServing } from './store.ts'

export const serveCommand = (): Command =>
  command('serve', 'answer update checks and serve packages', serverFlags).action((options: Options) =>
    serveUntilStopped((log) => openServingOf(options, log, ['host']), noticeUrl),
  )

const openServingOf = openingWith((settings, options, log) =>
  openServing(settings, environmentOf(options), log, { ask: askSecret, isNamed: options.releaseKey !== undefined }),
)

/** Flatcar Container Linux. */
const app = 'e96281a6-d1af-4bde-9a0a-97b76e56dc57'
const demo = { app, version: '4152.2.0', board: 'amd64-usr' }

/** Serves a development store, with keys, a root and a small demo release that it makes itself. */
export function startCommand(): Command {
  return command('start', 'serve a development store, made on the first start', ['host', 'port', 'publicUrl'])
    .option('--dir <folder>', 'the folder of the development store and its keys', '.platte')
    .action(async (options: Options & { dir: string }) => {
      const pin = await prepare(options.dir)
      const given = { ...options, store: storeOf(options.dir), root: pin, keys: join(options.dir, 'keys'), app }
      await serveUntilStopped(
        (log) => openServingOf(given, log, ['host']),
        (url) => welcome(url, options.dir),
      )
    })
}

const storeOf = (dir: string): string => `file:${join(dir, 'store')}`

/** Makes what is missing. @returns the pin */
async function prepare(dir: string): Promise<string> {
  const [keysDir, rootKeysDir] = [join(dir, 'keys'), join(dir, 'root-keys')]
  const { store } = readSettings({ PLATTE_STORE: storeOf(dir) }, ['store'])
  const { pin } = await initialise({
    store,
    keysDir,
    rootKeysDir,
    alg: 'EdDSA',
    maxValidity: 'P14D',
    access: keyAccessOf({}),
  })
  const env = { PLATTE_STORE: storeOf(dir), PLATTE_ROOT: pin, PLATTE_KEYS: keysDir }
  const publisher = await openPublishing(readSettings(env, ['store', 'pin']), env, warn)
  const { channels } = await summarise(publisher, { app })
  await refresh(publisher, { force: true })
  for (const channel of ['stable', 'beta'])
    if (!channels.some((known) => known.channel === channel)) {
      await publish(publisher, { ...demo, channel, sources: [demoPayload()], create: true })
      notice(`published the demo release ${demo.version} to ${channel}`)
    }
  return pin
}

/** A payload without operations: magic, version 1, and a manifest whose new partition has a text as its hash. */
function demoPayload(): Source {
  const text = 'This is a demo payload of Platte, not an update.'
  const hash = `\x12${lengthOf(text)}${text}`
  const manifest = `J${lengthOf(hash)}${hash}`
  const head = `CrAU${'\0'.repeat(7)}\x01${'\0'.repeat(7)}${lengthOf(manifest)}`
  const bytes = new TextEncoder().encode(head + manifest)
  return { name: 'flatcar_production_update.gz', size: bytes.length, open: () => new Blob([bytes]).stream() }
}

/** Below 128, so that it is one byte. */
const lengthOf = (text: string): string => String.fromCharCode(text.length)

function welcome(url: string, dir: string): void {
  notice(`
Platte answers update checks on ${url}/v1/update/

  THIS ROOT IS FOR DEVELOPMENT: its keys were made without asking and lie side by side in
  ${dir}. For a fleet, make a store with \`platte init\` and keep the root keys offline.

What it offers, as a page for people: ${url}/

A machine that runs 4081.2.0 asks, and is offered ${demo.version}:

  curl -sS ${url}/v1/update/ -H 'Content-Type: text/xml' --data '<?xml version="1.0" encoding="UTF-8"?>
  <request protocol="3.0"><app appid="{${app}}" version="4081.2.0" track="stable" board="${demo.board}">
  <ping active="1"/><updatecheck/></app></request>'

update.conf of a machine that should ask here:

  GROUP=stable
  SERVER=${url}/v1/update/

Stop it with Ctrl-C.
`)
}

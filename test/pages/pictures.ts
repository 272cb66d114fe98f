/**
 * Makes the pictures of the README from a real page and a real session: `.ci/chromium run npm run build:pictures`.
 * A page as WebP, by the browser itself; a terminal as SVG.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium as launcher } from 'playwright-core'
import { listen } from '../../src/runtime/node.ts'
import { bundleCli } from '../bench/bundle.ts'
import { app } from '../world.ts'
import { chromium } from './reporter.ts'
import { newPageStore, serve } from './store.ts'

const pictures = resolve(import.meta.dirname, '../../docs/pictures')
const place = '--channel stable --board amd64-usr'
const machine = '--version 4152.2.0 --machine 4b1f9f0e2f7d4c3a8d21'
const session = [
  `publish flatcar_production_update.gz ${place} --version 4230.2.0 --ramp-over 48h`,
  'show stable',
  `explain ${place} ${machine}`,
  'hold 4230.2.0 --channel stable --reason https://example.org/boot-loop',
  `explain ${place} ${machine}`,
]

mkdirSync(pictures, { recursive: true })
const folder = mkdtempSync(join(tmpdir(), 'platte-pictures-'))
try {
  writeFileSync(join(pictures, 'terminal.svg'), drawTerminal(runSession(folder)))
  for (const scheme of ['light', 'dark'] as const)
    writeFileSync(join(pictures, `page-${scheme}.webp`), await photographPage(scheme))
} finally {
  rmSync(folder, { recursive: true })
}

/** @returns the lines of the session; those of a command start with `$ `. */
function runSession(cwd: string): readonly string[] {
  const cli = bundleCli(join(cwd, 'cli'))
  const variables = { PLATTE_STORE: 'file:store', PLATTE_KEYS: 'keys', PLATTE_APP: app, COLUMNS: '100' }
  const run = (command: string, more = {}): string =>
    execFileSync('sh', ['-c', `"${process.execPath}" "${cli}" ${command} 2>&1`], {
      ...{ cwd, encoding: 'utf8', env: { PATH: process.env.PATH, ...variables, ...more } },
    }).trimEnd()
  cpSync(resolve(import.meta.dirname, '../samples/payload/unsigned.gz'), join(cwd, 'flatcar_production_update.gz'))
  const [, PLATTE_ROOT = ''] = /PLATTE_ROOT=(\S+)/.exec(run('init --root-keys offline')) ?? []
  run(`publish flatcar_production_update.gz ${place} --version 4152.2.0 --create`, { PLATTE_ROOT })
  return session.flatMap((command) => [`$ platte ${command}`, ...run(command, { PLATTE_ROOT }).split('\n'), ''])
}

function drawTerminal(lines: readonly string[]): string {
  const [wide, high, margin] = [7.8, 19, 16]
  const shown = lines.slice(0, -1)
  const width = Math.ceil(Math.max(...shown.map(({ length }) => length)) * wide) + 2 * margin
  const quote = (text: string): string => text.replace(/[&<>]/g, (sign) => `&#${sign.codePointAt(0)};`)
  const rows = shown.map((line, i) => {
    const fill = line.startsWith('$ ') ? '#8fd3a8' : '#e6e6e6'
    return `<text x="${margin}" y="${margin + (i + 0.75) * high}" fill="${fill}" xml:space="preserve">${quote(line)}</text>`
  })
  const size = `width="${width}" height="${shown.length * high + 2 * margin}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="ui-monospace,Menlo,Consolas,monospace" font-size="13">`,
    `<title>A release is ramped, explained and held</title><rect ${size} rx="8" fill="#1b1f24"/>`,
    ...rows,
    '</svg>\n',
  ].join('\n')
}

async function photographPage(colorScheme: 'light' | 'dark'): Promise<Buffer> {
  if (chromium === undefined) throw new Error('use: .ci/chromium run npm run build:pictures')
  const store = await newPageStore()
  const { url, server } = await listen({ host: '127.0.0.1', port: 0 }, () => serve(store))
  const browser = await launcher.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 720 } })
    await page.goto(url)
    const devtools = await page.context().newCDPSession(page)
    const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality: 80 })
    return Buffer.from(data, 'base64')
  } finally {
    await browser.close()
    server.close()
  }
}

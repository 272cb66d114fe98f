/** Preloaded into a command line under test: its clock shows PLATTE_TEST_NOW, or what the file of that name says. */
import { readFileSync } from 'node:fs'

const setting = process.env.PLATTE_TEST_NOW ?? ''
const now = (): number => Date.parse(setting.startsWith('/') ? readFileSync(setting, 'utf8') : setting)
if (Number.isNaN(now())) throw new Error('PLATTE_TEST_NOW must be an instant such as 2026-11-01T00:00:00Z')
Date.now = now

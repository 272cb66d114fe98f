import { existsSync } from 'node:fs'
import type { Reporter } from 'vitest/node'
import { shows } from './shows.ts'

const setting = process.env.PLATTE_CHROMIUM
/** The browser, if this run has one. */
export const chromium = setting !== undefined && existsSync(setting) ? setting : undefined
const howTo = 'run it with: .ci/chromium run npm run test:pages'
/** Every page in every way that it is shown, and what else is tested in the browser. */
const wanted = shows.length + 7

/**
 * Says in one line whether pages were looked at in a real browser. Fewer tests than all fail the run.
 * @param required whether a skip fails, too.
 */
export function chromiumReporter({ required }: { readonly required: boolean }): Reporter {
  return {
    onTestRunEnd(modules) {
      const found = modules.find(({ moduleId }) => moduleId.endsWith('/pages/chromium.test.ts'))
      if (found === undefined && !required) return
      const passed = [...(found?.children.allTests('passed') ?? [])].length
      if (chromium === undefined)
        say(`skipped, since PLATTE_CHROMIUM names none${required ? ', which fails here' : ''}; ${howTo}`)
      else say(`${passed} of ${wanted} tests passed`)
      if (chromium === undefined ? required : passed !== wanted) process.exitCode = 1
    },
  }
}

const say = (what: string): boolean => process.stdout.write(`pages in Chromium: ${what}\n`)

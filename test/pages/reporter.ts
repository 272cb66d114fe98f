import { existsSync } from 'node:fs'
import type { Reporter } from 'vitest/node'

const setting = process.env.PLATTE_CHROMIUM
/** The browser, if this run has one. */
export const chromium = setting !== undefined && existsSync(setting) ? setting : undefined
const howTo = 'run it with: .ci/chromium run npm run test:pages'

/**
 * Says in one line whether pages were looked at in a real browser. A test of it that did not pass fails the run.
 * @param required whether a skip fails, too.
 */
export function chromiumReporter({ required }: { readonly required: boolean }): Reporter {
  return {
    onTestRunEnd(modules) {
      const found = modules.filter(({ moduleId }) => moduleId.includes('/test/pages/'))
      if (found.length === 0 && !required) return
      const tests = found.flatMap(({ children }) => [...children.allTests()])
      const passed = tests.filter((test) => test.result().state === 'passed').length
      if (chromium === undefined)
        say(`skipped, since PLATTE_CHROMIUM names none${required ? ', which fails here' : ''}; ${howTo}`)
      else say(`${passed} of ${tests.length} tests passed`)
      if (chromium === undefined ? required : passed === 0 || passed !== tests.length) process.exitCode = 1
    },
  }
}

const say = (what: string): boolean => process.stdout.write(`pages in Chromium: ${what}\n`)

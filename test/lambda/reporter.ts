import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter } from 'vitest/node'

const setting = process.env.PLATTE_LAMBDA_CLIENT
/** Where the runtime client is, if this run has one. */
export const clientFolder = setting !== undefined && existsSync(join(setting, 'index.mjs')) ? setting : undefined
const howTo = 'run it with: .ci/lambda-client run npm run test:lambda'

/**
 * Says in one line whether the runtime client of Lambda was tested. A test of it that did not pass fails the run.
 * @param required whether a skip fails, too.
 */
export function lambdaReporter({ required }: { readonly required: boolean }): Reporter {
  return {
    onTestRunEnd(modules) {
      const client = modules.find(({ moduleId }) => moduleId.endsWith('/lambda/client.test.ts'))
      if (client === undefined && !required) return
      const tests = [...(client?.children.allTests() ?? [])]
      const passed = tests.filter((test) => test.result().state === 'passed').length
      if (clientFolder === undefined)
        say(`skipped, since PLATTE_LAMBDA_CLIENT names none${required ? ', which fails here' : ''}; ${howTo}`)
      else say(`${passed} of ${tests.length} tests passed`)
      if (clientFolder === undefined ? required : passed === 0 || passed !== tests.length) process.exitCode = 1
    },
  }
}

const say = (what: string): boolean => process.stdout.write(`Lambda runtime client: ${what}\n`)

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter } from 'vitest/node'
import { elsewhereNames, sceneNames } from '../scenes/runner.ts'

const setting = process.env.PLATTE_LAMBDA_CLIENT
/** Where the runtime client is, if this run has one. */
export const clientFolder = setting !== undefined && existsSync(join(setting, 'index.mjs')) ? setting : undefined
const howTo = 'run it with: .ci/lambda-client run npm run test:lambda'
/** The scenes, and what else is tested of the client. */
const wanted = sceneNames.length + elsewhereNames.length + 4

/**
 * Says in one line whether the runtime client of Lambda was tested. Fewer tests than all fail the run.
 * @param required whether a skip fails, too.
 */
export function lambdaReporter({ required }: { readonly required: boolean }): Reporter {
  return {
    onTestRunEnd(modules) {
      const client = modules.find(({ moduleId }) => moduleId.endsWith('/lambda/client.test.ts'))
      if (client === undefined && !required) return
      const passed = [...(client?.children.allTests('passed') ?? [])].length
      if (clientFolder === undefined)
        say(`skipped, since PLATTE_LAMBDA_CLIENT names none${required ? ', which fails here' : ''}; ${howTo}`)
      else say(`${passed} of ${wanted} tests passed`)
      if (clientFolder === undefined ? required : passed !== wanted) process.exitCode = 1
    },
  }
}

const say = (what: string): boolean => process.stdout.write(`Lambda runtime client: ${what}\n`)

import type { Reporter, TestModule } from 'vitest/node'
import { liveCount } from './suite.ts'

const setting = process.env.PLATTE_LIVE_S3
const howTo = 'run it with: .ci/s3-server run npm run test:live'

/**
 * Says in one line what the live S3 suite did. A suite that is not whole fails the run.
 * @param required whether a skipped suite fails, too.
 */
export function liveReporter({ required }: { readonly required: boolean }): Reporter {
  return {
    async onTestRunEnd(modules) {
      const live = modules.find(({ moduleId }) => moduleId.endsWith('/live/s3.test.ts'))
      if (live === undefined && !required) return
      if (setting === undefined)
        say(`skipped, since PLATTE_LIVE_S3 is not set${required ? ', which fails here' : ''}; ${howTo}`)
      else say(`${await serverName(setting)}: ${passed(live)} of ${liveCount} tests passed`)
      if (setting === undefined ? required : passed(live) !== liveCount) process.exitCode = 1
    },
  }
}

const say = (what: string): boolean => process.stdout.write(`live S3 suite: ${what}\n`)

const passed = (live: TestModule | undefined): number => [...(live?.children.allTests('passed') ?? [])].length

/** What `.ci/s3-server` says that it runs, and what answers. */
async function serverName(store: string): Promise<string> {
  const endpoint = new URL(store).searchParams.get('endpoint')
  const answer = endpoint === null ? undefined : await fetch(endpoint).catch(() => undefined)
  const calls = answer?.headers.get('server') ?? 'nothing'
  return `${process.env.PLATTE_LIVE_S3_SERVER ?? 'a server of unknown version'}, which calls itself ${calls}`
}

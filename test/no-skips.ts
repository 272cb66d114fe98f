import type { Reporter } from 'vitest/node'

/** Fails a run in CI in which a test was skipped: a machine that cannot run it must not pass for one that did. */
export function noSkips(): Reporter {
  return {
    onTestRunEnd(modules) {
      const skipped = modules.flatMap(({ children }) => [...children.allTests('skipped')])
      if (!process.env.CI || skipped.length === 0) return
      for (const { fullName, module } of skipped)
        process.stdout.write(`skipped: ${module.relativeModuleId} ${fullName}\n`)
      process.exitCode = 1
    },
  }
}

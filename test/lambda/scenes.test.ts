/** The scenes through every door of a function in this process, and what its bundle holds. */
import { builtinModules } from 'node:module'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { useCredentials } from '../s3/open.ts'
import { lockTokens, packagesUrl } from '../scenes/fixture.ts'
import { lookAtPages } from '../scenes/pages.ts'
import { elsewhereNames, playScene, sceneNames } from '../scenes/runner.ts'
import { type DoorName, doorNames, keepsPaths, sendThrough } from './doors.ts'
import { useFunction } from './function.ts'
import { startBucketStore } from './store.ts'

const { start, metafile } = useFunction()
const { s3, env } = await startBucketStore()
useCredentials(s3)
afterAll(async () => {
  vi.unstubAllEnvs()
  await s3.close()
})
const plain = await start({ ...env, PLATTE_LOCKS: 'on', PLATTE_LOCKS_CREATE: 'on' })
const elsewhere = await start({
  ...env,
  PLATTE_PACKAGES_URL: packagesUrl,
  PLATTE_LOCKS: 'on',
  PLATTE_LOCKS_CREATE: 'on',
  PLATTE_LOCK_TOKENS: lockTokens,
})

const leavesOf = (door: DoorName) => (keepsPaths(door) ? {} : { leaves: isEscaped })
const isEscaped = ({ path }: { readonly path: string }): boolean => path.includes('%')

describe.each(doorNames)('%s', (door) => {
  test.each(sceneNames)('%s', (name) => playScene(name, sendThrough(door, plain), leavesOf(door)))
  test.each(elsewhereNames)('%s', (name) => playScene(name, sendThrough(door, elsewhere), leavesOf(door)))
  test('pages and feeds', () => lookAtPages(sendThrough(door, plain)))
})

test('the bundle needs nothing but Node, and contains no folder store, other runtime or command line', () => {
  const own = Object.keys(metafile.outputs)
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path))
  expect(imported.length).toBeGreaterThan(own.length)
  expect(imported.filter((path) => !own.includes(path) && !builtinModules.includes(path.replace('node:', '')))).toEqual(
    [],
  )
  const inputs = Object.keys(metafile.inputs)
  expect(inputs).toContain('src/store/s3/documents.ts')
  expect(inputs.filter((path) => /folder|memory|r2\.ts|src\/cli\/|commander|node-server|wrangler/.test(path))).toEqual(
    [],
  )
})

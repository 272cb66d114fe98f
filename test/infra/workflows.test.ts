/** The workflows that stand as examples: what they let a job do, and that the action takes what they give it. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const repository = resolve(import.meta.dirname, '../..')
const read = (name: string): string => readFileSync(join(repository, 'infra', name), 'utf8')

interface Workflow {
  readonly permissions: object
  readonly on: { readonly workflow_dispatch?: { readonly inputs: Readonly<Record<string, { options?: string[] }>> } }
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly environment?: string
        readonly needs?: string
        readonly permissions: object
        readonly steps: readonly { uses?: string; run?: string; with?: Readonly<Record<string, unknown>> }[]
      }
    >
  >
}
const workflow = (name: string): Workflow => parse(read(`github/examples/${name}`))

describe('the examples', () => {
  const inputs = Object.keys(parse(read('github/action.yml')).inputs)

  test.each(['publish.yml', 'operate.yml'])('%s: only the job that publishes has an identity', (name) => {
    const { permissions, jobs } = workflow(name)
    expect(permissions).toEqual({})
    for (const { steps, permissions, environment } of Object.values(jobs)) {
      const platte = steps.find(({ uses = '' }) => uses.includes('/infra/github@'))
      expect([Object.hasOwn(permissions, 'id-token'), environment]).toEqual([platte !== undefined, platte && 'release'])
      for (const given of Object.keys(platte?.with ?? {})) expect(inputs).toContain(given)
      for (const { uses } of steps) if (uses) expect(uses).toMatch(/@([0-9a-f]{40}|COMMIT)$/)
    }
  })

  test('channels.yml: a pull request gets no identity, and a merge needs its reviewers', () => {
    const { permissions, jobs } = workflow('channels.yml')
    expect(permissions).toEqual({})
    const { diff, apply } = jobs
    expect(diff?.permissions).toEqual({ contents: 'read', 'pull-requests': 'write' })
    expect(apply).toMatchObject({ permissions: { contents: 'read', 'id-token': 'write' }, environment: 'release' })
    for (const { steps } of [diff, apply].flatMap((one) => one ?? [])) {
      expect(steps[0]?.with).toEqual({ 'persist-credentials': false })
      for (const given of Object.keys(steps[1]?.with ?? {})) expect(inputs).toContain(given)
      for (const { uses } of steps) expect(uses).toMatch(/@([0-9a-f]{40}|COMMIT)$/)
    }
  })

  test.each(['publish.yml', 'operate.yml'])('%s: no script contains an input', (name) => {
    for (const { steps } of Object.values(workflow(name).jobs))
      for (const { run = '' } of steps) expect(run).not.toContain('${{')
  })

  test('publishing waits for the build, which passes it a file', () => {
    const { build, publish } = workflow('publish.yml').jobs
    expect(publish?.needs).toBe('build')
    expect(build?.steps.some(({ uses }) => uses?.includes('upload-artifact'))).toBe(true)
    expect(publish?.steps.some(({ uses }) => uses?.includes('checkout'))).toBe(false)
  })

  test('the form offers the inputs of the action', () => {
    const { command } = workflow('operate.yml').on.workflow_dispatch?.inputs ?? {}
    expect(command?.options).toEqual(expect.arrayContaining(['promote', 'ramp', 'hold']))
    for (const name of command?.options ?? []) expect(read('github/run.mjs')).toMatch(new RegExp(`^  ${name}: `, 'm'))
  })
})

describe('the release', () => {
  const { permissions, jobs }: Workflow = parse(readFileSync(join(repository, '.github/workflows/release.yml'), 'utf8'))

  test('what is built never sees an identity, and what has one runs nothing of the clone but the Dockerfile', () => {
    expect(permissions).toEqual({})
    expect(jobs.build?.permissions).toEqual({ contents: 'read' })
    for (const { permissions, environment, steps } of Object.values(jobs)) {
      expect(environment).toBe(Object.hasOwn(permissions, 'id-token') ? 'release' : undefined)
      for (const { uses } of steps) if (uses) expect(uses).toMatch(/@[0-9a-f]{40}$/)
      for (const { run = '' } of steps) expect(run).not.toContain('${{')
    }
    const { publish, image } = jobs
    for (const { run = '' } of [...(publish?.steps ?? []), ...(image?.steps ?? [])])
      expect(run).not.toMatch(/npm (ci|install|run|test)|npx|infra\/(?!docker\/Dockerfile)/)
  })

  test('its scripts are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
    const named = (jobs.build?.steps ?? []).flatMap(({ run = '' }) => [...run.matchAll(/npm run ([\w:]+)/g)])
    expect(named.length).toBeGreaterThan(2)
    for (const [, name = ''] of named) expect(Object.keys(scripts)).toContain(name)
  })
})

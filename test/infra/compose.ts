/** Reads compose.yaml: YAML by a library, variables as compose fills them in. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parse } from 'yaml'

const service = v.strictObject({
  image: v.string(),
  user: v.string(),
  read_only: v.boolean(),
  cap_drop: v.array(v.string()),
  security_opt: v.array(v.string()),
  pids_limit: v.number(),
  mem_limit: v.string(),
  logging: v.strictObject({ driver: v.string() }),
  build: v.optional(v.strictObject({ context: v.string(), dockerfile: v.string() })),
  restart: v.optional(v.string()),
  stop_grace_period: v.optional(v.string()),
  environment: v.record(v.string(), v.string()),
  secrets: v.optional(v.array(v.string())),
  ports: v.optional(v.array(v.string())),
  volumes: v.array(v.string()),
  profiles: v.optional(v.array(v.string())),
  pull_policy: v.optional(v.string()),
  network_mode: v.optional(v.string()),
})

const compose = v.strictObject({
  name: v.string(),
  'x-hardened': v.unknown(),
  services: v.strictObject({ platte: service, cli: service }),
  secrets: v.record(v.string(), v.strictObject({ file: v.string() })),
  volumes: v.record(v.string(), v.null()),
})

export type Service = v.InferOutput<typeof service>

/**
 * @param env the variables that are set.
 * @throws Error in compose's words for a variable that is required and missing, and for members that no test knows.
 */
export function readCompose(path: string, env: Readonly<Record<string, string>>): v.InferOutput<typeof compose> {
  const fill = (text: string): string =>
    text.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, mode: string, words: string) => {
      const value = env[name] || (mode === '-' ? words : undefined)
      if (value === undefined) throw new Error(`required variable ${name} is missing a value: ${words}`)
      return value
    })
  const filled = (_: unknown, value: unknown): unknown => (typeof value === 'string' ? fill(value) : value)
  return v.parse(compose, parse(readFileSync(path, 'utf8'), filled, { merge: true }))
}

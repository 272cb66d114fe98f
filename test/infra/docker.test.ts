/** compose.yaml and the Dockerfile agree. `test/container` runs them. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCompose } from './compose.ts'
import { environmentOf, parseDockerfile } from './dockerfile.ts'

const docker = resolve(import.meta.dirname, '../../infra/docker')
const final = parseDockerfile(readFileSync(join(docker, 'Dockerfile'), 'utf8')).at(-1)
if (final === undefined) throw new Error('the Dockerfile has no stage')
const image = { env: environmentOf(final) }
const given = { PLATTE_PUBLIC_URL: 'http://updates.lan:8787', PLATTE_KEYS_DIR: '/etc/platte/keys' }
const compose = (more = {}) => readCompose(join(docker, 'compose.yaml'), { ...given, ...more })
const lastOf = (op: string) => final.steps.findLast((step) => step.op === op)?.text

describe('compose.yaml', () => {
  const { services, secrets, volumes } = compose({ PLATTE_ROOT: '1:sha256:0' })

  test.each(['platte', 'cli'] as const)('%s has write access to its volumes only', (name) => {
    expect(services[name]).toMatchObject({
      user: lastOf('USER'),
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    })
  })

  test('gives the server the timestamp key and no other', () => {
    const { platte } = services
    expect(platte.secrets).toEqual(Object.keys(secrets))
    expect(secrets).toEqual({ 'timestamp.jwk': { file: '/etc/platte/keys/timestamp.jwk' } })
    expect(platte.environment.PLATTE_TIMESTAMP_KEY).toBe('/run/secrets/timestamp.jwk')
    expect(platte.volumes).toEqual([`${Object.keys(volumes)[0]}:${image.env.PLATTE_STORE?.replace('file:', '')}`])
  })

  test('uses the port of the image, and publishes it on this machine only by default', () => {
    expect(services.platte.ports).toEqual([`127.0.0.1:8787:${image.env.PORT}`])
    expect(compose({ PLATTE_LISTEN: '10.0.0.5:80' }).services.platte.ports).toEqual([`10.0.0.5:80:${image.env.PORT}`])
    expect(lastOf('EXPOSE')).toBe(image.env.PORT)
  })

  test('builds this image, and its stop grace period exceeds the drain time of the server', () => {
    expect(services.platte.build).toEqual({ context: '../..', dockerfile: 'infra/docker/Dockerfile' })
    expect(services.cli.image).toBe(services.platte.image)
    expect(Number.parseInt(services.platte.stop_grace_period ?? '', 10)).toBeGreaterThan(10)
  })

  test.each(['PLATTE_PUBLIC_URL', 'PLATTE_KEYS_DIR'])('requires %s', (name) => {
    expect(() => compose({ [name]: '' })).toThrow(`required variable ${name} is missing`)
  })
})

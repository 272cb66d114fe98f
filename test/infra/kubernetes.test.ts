/** What no cluster says of the manifests; `.ci/kubernetes` builds and reads them, and `test/container` runs them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { settingRows } from '../../src/runtime/settings.ts'

const folder = 'infra/kubernetes'
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const overlays = ['volume', 'bucket', 'mirror']

test('the rules are those of infra/prometheus', () => {
  const { groups } = parse(readFileSync('infra/prometheus/platte.rules.yml', 'utf8'))
  expect(parse(read('parts/monitoring/rules.yaml')).spec).toEqual({ groups })
})

test.each(['volume', 'bucket'])('every line of settings.env of %s is a setting', (overlay) => {
  const names = [...read(`${overlay}/settings.env`).matchAll(/^(\w+)=/gm)].map(([, name]) => name)
  expect(names).toContain('PLATTE_ROOT')
  const known = settingRows.map(([, { variable }]) => variable)
  expect(names.filter((name) => !known.some((one) => one === name))).toEqual([])
})

test('the ingress passes a proof of ML-DSA-44, a header of 4,905 characters', () => {
  const { annotations } = parse(read('parts/ingress/ingress.yaml')).metadata
  expect(annotations['nginx.ingress.kubernetes.io/proxy-buffer-size']).toBe('8k')
})

test('every file belongs to a kustomization, and every overlay has its commands in docs/deploy.md', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(yaml|env)$/.test(name))
  const lists = files.filter((name) => name.endsWith('kustomization.yaml'))
  for (const file of files.filter((name) => !lists.includes(name))) {
    const [name = '', ...path] = file.split('/').reverse()
    expect(read(join(...path.reverse(), 'kustomization.yaml')), file).toContain(name)
  }
  const doc = readFileSync('docs/deploy.md', 'utf8')
  for (const overlay of overlays) expect(doc).toContain(`kubectl apply -k infra/kubernetes/${overlay}`)
})

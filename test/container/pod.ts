/** Pods of the built manifests, as options of containers. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { parseAllDocuments } from 'yaml'
import { type ContainerOptions, image, type Mount } from './runc.ts'

const folder = process.env.PLATTE_MANIFESTS
if (folder === undefined) throw new Error('no manifests; CONTRIBUTING.md has the command of these tests')

const probe = v.object({ httpGet: v.object({ path: v.string(), port: v.string() }) })
const container = v.object({
  name: v.string(),
  args: v.array(v.string()),
  env: v.optional(v.array(v.object({ name: v.string(), value: v.string() })), []),
  envFrom: v.array(
    v.object({
      configMapRef: v.optional(v.object({ name: v.string() })),
      secretRef: v.optional(v.object({ name: v.string(), optional: v.literal(true) })),
    }),
  ),
  ports: v.optional(v.array(v.object({ name: v.string(), containerPort: v.number() })), []),
  volumeMounts: v.optional(
    v.array(v.object({ name: v.string(), mountPath: v.string(), readOnly: v.optional(v.boolean(), false) })),
    [],
  ),
  lifecycle: v.optional(v.object({ preStop: v.object({ sleep: v.object({ seconds: v.number() }) }) })),
  startupProbe: v.optional(probe),
  livenessProbe: v.optional(probe),
  readinessProbe: v.optional(probe),
})
const pod = v.object({
  securityContext: v.object({ runAsUser: v.number(), runAsGroup: v.number(), fsGroup: v.number() }),
  terminationGracePeriodSeconds: v.optional(v.number()),
  initContainers: v.optional(v.array(container), []),
  containers: v.array(container),
})
const workload = v.union([
  v.object({ kind: v.literal('Deployment'), spec: v.object({ template: v.object({ spec: pod }) }) }),
  v.object({
    kind: v.literal('CronJob'),
    spec: v.object({ jobTemplate: v.object({ spec: v.object({ template: v.object({ spec: pod }) }) }) }),
  }),
])
const configMap = v.object({
  kind: v.literal('ConfigMap'),
  metadata: v.object({ name: v.string() }),
  data: v.record(v.string(), v.string()),
})

export type Pod = v.InferOutput<typeof pod>
export type PodContainer = v.InferOutput<typeof container>

/** What is given in the place of a cluster's volumes, secrets and edited settings. */
export interface Given {
  /** In `settings.env`. */
  readonly settings: Readonly<Record<string, string>>
  /** Of Secrets with variables. */
  readonly secrets?: Readonly<Record<string, string>>
  /** A folder of this machine for each volume. */
  readonly volumes?: Readonly<Record<string, string>>
}

/** The documents of an overlay. */
export function readOverlay(name: string) {
  const documents = parseAllDocuments(readFileSync(join(folder ?? '', `${name}.yaml`), 'utf8')).map((one) => one.toJS())
  const maps = documents.flatMap((one) => (v.is(configMap, one) ? v.parse(configMap, one) : []))
  const workloads = documents.flatMap((one) => (v.is(workload, one) ? v.parse(workload, one) : []))
  const podOf = (kind: 'Deployment' | 'CronJob'): Pod => {
    const one = workloads.find((each) => each.kind === kind)
    if (one === undefined) throw new Error(`${name} has no ${kind}`)
    return one.kind === 'CronJob' ? one.spec.jobTemplate.spec.template.spec : one.spec.template.spec
  }
  /** @throws Error for a setting that `settings.env` does not have, and for a volume that is not given. */
  const optionsOf = ({ securityContext }: Pod, of: PodContainer, given: Given): ContainerOptions => {
    const { runAsUser, runAsGroup, fsGroup } = securityContext
    const env = { ...environmentOf(of, given), ...Object.fromEntries(of.env.map((one) => [one.name, one.value])) }
    return {
      env,
      args: [...image.Entrypoint, ...of.args.map((arg) => arg.replace(/\$\((\w+)\)/g, (_, key) => env[key] ?? ''))],
      mounts: of.volumeMounts.map((mount) => mountOf(mount, given)),
      ...{ user: `${runAsUser}:${runAsGroup}`, groups: [fsGroup] },
    }
  }
  const environmentOf = ({ envFrom }: PodContainer, { settings, secrets }: Given): Record<string, string> =>
    Object.assign(
      {},
      ...envFrom.map(({ configMapRef, secretRef }) => {
        if (secretRef) return secrets
        const data = maps.find(({ metadata }) => metadata.name === configMapRef?.name)?.data
        if (data === undefined) throw new Error(`no ConfigMap ${configMapRef?.name}`)
        return { ...data, ...settings }
      }),
    )
  return { documents, maps, podOf, optionsOf }
}

function mountOf({ name, mountPath, readOnly }: PodContainer['volumeMounts'][number], { volumes = {} }: Given): Mount {
  const source = volumes[name]
  if (source === undefined) throw new Error(`no volume ${name}`)
  return { source, destination: mountPath, readOnly }
}

/** What `/openapi.json` says of the graph for Fedora CoreOS. */
import * as v from 'valibot'
import { conditional, type Described, etag, json, text, unchanged } from '../checks/described.ts'

const graph = v.strictObject({
  nodes: v.array(
    v.strictObject({ version: v.string(), metadata: v.record(v.string(), v.string()), payload: v.string() }),
  ),
  /** Indexes of nodes, from and to. */
  edges: v.array(v.array(v.number())),
})

const problem = v.strictObject({ kind: v.string(), value: v.string() })

export const describe = (): Described => ({
  name: 'Fedora CoreOS',
  about: 'What Zincati asks, in the form of Cincinnati.',
  names: {},
  paths: {
    '/v1/graph': {
      get: {
        ...{ id: 'readGraph', summary: 'All releases of a stream, and which update each may take' },
        query: {
          basearch: { about: 'The board.', shape: text, isRequired: true, example: 'x86_64' },
          stream: { about: 'The channel, or an alias of it.', shape: text, isRequired: true, example: 'stable' },
          group: { about: 'Where it is an alias of a channel, that one.', shape: text },
          node_uuid: { about: 'The id of the machine, for ramps and targets.', shape: text },
          os_version: { about: 'What it runs.', shape: text },
          os_checksum: { about: 'The payload that it runs. Unknown ones get a node of their own.', shape: text },
          rollout_wariness: { about: '0 to 1: the share of a ramp from which on it is offered.', shape: text },
          platform: { about: 'Its OEM.', shape: text },
          oci: { about: '`true`: payloads are images of a registry, not ostree commits.', shape: text },
        },
        headers: conditional,
        answers: {
          200: json('Edges lead to what a machine is offered.', graph, { etag }),
          304: unchanged,
        },
        dialect: { ...json('What is wrong.', problem), statuses: [400, 404, 503] },
      },
    },
  },
})

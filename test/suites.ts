/**
 * Which tests run where. `npm run verify` runs `unit`; `npm test` runs everything but `long`; `npm run test:long` runs
 * `long`, and `scaled` again with all of their rounds.
 */

/** Pure or in memory: no process, no socket, no folder that has to be on a real disk. */
export const unit: readonly string[] = [
  ...['core', 'payload', 'trust', 'protocol', 'http', 'service', 'conformance', 'docs', 'house'].map(
    (room) => `${room}/**/*.test.ts`,
  ),
  ...['memory', 'tar', 'near', 'metrics', 'system'].map((name) => `adapters/${name}.test.ts`),
  'apply/apply.test.ts',
  ...['clocks', 'locks', 'driver', 'model'].map((name) => `locks/${name}.test.ts`),
  ...['policy', 'countersign'].map((name) => `publish/${name}.test.ts`),
  ...['service', 'receipts', 'sweep', 'bytes'].map((name) => `uploads/${name}.test.ts`),
  ...['config', 'store-setting', 'settings'].map((name) => `runtimes/${name}.test.ts`),
]

/** Every benchmark, whole builds (`npm run check` deletes rooms, too), deployments, second runtimes of a suite, every fault of every write. */
export const long: readonly string[] = [
  'bench/rows.test.ts',
  'bench/soak.test.ts',
  'deletion/rooms.test.ts',
  'formats/formats.test.ts',
  'infra/systemd.test.ts',
  'infra/github*.test.ts',
  'infra/build.test.ts',
  'publish/two-signatures.test.ts',
  'adapters/s3-faults.test.ts',
  'adapters/s3-bad-input.test.ts',
  'locks/fleet-of-zones.test.ts',
  'cli/adopt.test.ts',
  'cli/json.test.ts',
  'cli/paths.test.ts',
  'fallbacks/fallbacks.test.ts',
  'webhook/webhook.test.ts',
  'upstream/chain.test.ts',
  'upstream/freeze.test.ts',
  'lock-objects/worker.test.ts',
  'cup/runtimes.test.ts',
  'runtimes/wrangler.test.ts',
  'runtimes/worker-mirror.test.ts',
  'runtimes/deno-s3.test.ts',
  'adapters/folder-deno.test.ts',
  'faults/channels.test.ts',
  'faults/rotation.test.ts',
  'guard/fleet.test.ts',
  'runtimes/rotation.test.ts',
  'fleet/heavy.test.ts',
  'fleet/flood.test.ts',
  'fleet/words.test.ts',
  'openapi/{contract,client}.test.ts',
]

/** What has a run of its own: in the image of `.ci/container`, and of the package, on each Node. */
export const elsewhere: readonly string[] = ['**/container/**', '**/package/**']

/** Tests of many rounds (`rounds.ts`). */
export const scaled: readonly string[] = [
  'apply/export.test.ts',
  'apply/properties.test.ts',
  'core/conditions-properties.test.ts',
  'guard/model.test.ts',
  'http/explain.test.ts',
  'http/page-truth.test.ts',
  'locks/{clocks,histories,model}.test.ts',
  'runtimes/events.test.ts',
]

/** What takes longest begins first, so that no worker waits for another one at the end. */
export const slowest: readonly string[] = [
  'cli/scenes',
  'infra/github',
  'faults/channels',
  'adapters/r2',
  'upstream/chain',
  'cli/doctor',
  'cli/s3',
  'publish/tokens',
  'publish/cli',
  'adapters/s3-packages',
  'lambda/schedule',
  'faults/rotation',
  'core/conditions-properties',
  'runtimes/events',
  'http/explain',
  'runtimes/deno-s3',
  'upstream/platte',
]

/**
 * Builds the command line, or the server for Deno: `node infra/release/cli.mjs [FOLDER] [ENTRY]`. Node and Deno take half a millisecond and more
 * to load a file, so what serving loads is one file, what every command loads another, and features are on their own.
 * JavaScript, since it runs before the project's own Node is there.
 */
import { build } from 'rolldown'

const [dir = 'dist/cli', entry = 'src/cli/main.ts'] = process.argv.slice(2)

/** Files by the module that loads at once all that is in them. What two load is in the first. */
const files = {
  serve: 'src/cli/serve.ts',
  command: 'src/cli/run.ts',
  store: 'src/channels/cli/show.ts',
  deno: 'src/runtime/deno.ts',
}
const fileOf = new Map()

await build({
  input: { platte: entry },
  platform: 'node',
  transform: { target: 'node22' },
  preserveEntrySignatures: false,
  plugins: [
    {
      name: 'files',
      buildEnd() {
        for (const [name, first] of Object.entries(files))
          for (const id of this.getModuleIds()) if (id.endsWith(`/${first}`)) place(this, id, name)
      },
    },
  ],
  output: {
    dir,
    format: 'esm',
    comments: false,
    entryFileNames: 'platte.mjs',
    chunkFileNames: 'lib/[name]-[hash].mjs',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'files', name: (id) => fileOf.get(id) ?? null }],
    },
  },
})

function place(context, id, name) {
  if (fileOf.has(id)) return
  const { importedIds = [], isEntry } = context.getModuleInfo(id) ?? {}
  // Only the entry itself knows that it is the main module.
  if (!isEntry) fileOf.set(id, name)
  for (const next of importedIds) place(context, next, name)
}

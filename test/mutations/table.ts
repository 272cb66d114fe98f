/** One-line edits of the sources, each with the test that must notice it. */

export interface Mutation {
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** The test file that is run. */
  readonly test: string
  /** Part of the full name of a test that must fail. */
  readonly fails: string
}

const row = (
  name: string,
  [file, from, to]: readonly [string, string, string],
  [test, fails]: readonly [string, string],
): Mutation => ({ name, file, from, to, test, fails })

export const mutations: readonly Mutation[] = [
  row(
    'a threshold counts signatures, not keys',
    ['src/trust/envelope.ts', 'good.add(kid)', 'good.add(`${kid} ${good.size}`)'],
    ['test/trust/thresholds.test.ts', 'is not met by'],
  ),
  row(
    'a threshold is one too low',
    ['src/trust/envelope.ts', 'if (good.size >= role.threshold)', 'if (good.size >= role.threshold - 1)'],
    ['test/trust/thresholds.test.ts', 'is not met by'],
  ),
  row(
    'a signature of another type counts',
    ['src/trust/envelope.ts', 'if (header.typ !== type) return', 'if (header.typ === "") return'],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'a key of one algorithm is tried with another',
    ['src/trust/envelope.ts', 'if (header.alg !== key.alg) return', 'if (header.alg !== header.alg) return'],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'other spellings of an envelope are taken',
    [
      'src/trust/envelope.ts',
      'if (renderEnvelope(text, signatures) !== json)',
      'if (renderEnvelope(text, signatures) === "")',
    ],
    ['test/trust/attacks.test.ts', ''],
  ),
  row(
    'the next root needs no signature of its own keys',
    [
      'src/trust/verify-root.ts',
      "await openEnvelope(bytes, type, roleOf(next, 'root'))",
      "await openEnvelope(bytes, type, roleOf(current, 'root'))",
    ],
    ['test/trust/root.test.ts', 'the next root'],
  ),
  row(
    'a root may skip a version',
    ['src/trust/verify-root.ts', 'if (root.version !== version + 1)', 'if (root.version <= version)'],
    ['test/trust/root.test.ts', 'the next root'],
  ),
  row(
    'an expired document is taken',
    ['src/trust/times.ts', 'now >= Date.parse(expires)', 'now > Date.parse(expires) + 1e12'],
    ['test/trust/catalog.test.ts', 'that expired'],
  ),
  row(
    'a document from the future is taken',
    ['src/trust/times.ts', 'now + maxAheadMs', 'now + 1e15'],
    ['test/trust/catalog.test.ts', 'further ahead'],
  ),
  row(
    'a catalog may be valid for ever',
    ['src/trust/verify-catalog.ts', 'if (validityMs > durationMs(maxValidity))', 'if (validityMs > Number.MAX_VALUE)'],
    ['test/trust/catalog.test.ts', 'valid for longer'],
  ),
  row(
    'an older catalog replaces a newer one',
    ['src/trust/verify-catalog.ts', 'if (found.issuedAtMs < seen.issuedAtMs)', 'if (found.issuedAtMs < 0)'],
    ['test/trust/catalog.test.ts', 'an older one'],
  ),
  row(
    'a fork is taken',
    ['src/trust/verify-catalog.ts', 'found.sha256 !== seen.sha256', 'found.sha256 === ""'],
    ['test/trust/catalog.test.ts', 'another one of the same instant'],
  ),
  row(
    'a channel may go back',
    ['src/trust/verify-catalog.ts', 'seq < mark.seq', 'seq < 0'],
    ['test/trust/catalog.test.ts', 'a newer one with a lower seq'],
  ),
  row(
    'a manifest need not have the digest of the catalog',
    ['src/trust/verify-channel.ts', 'if (sha256 !== entry.sha256)', "if (sha256 === '')"],
    ['test/trust/channel.test.ts', 'of another digest'],
  ),
  row(
    "another channel's manifest is taken",
    [
      'src/trust/verify-channel.ts',
      "for (const field of ['app', 'channel', 'seq'] as const)",
      "for (const field of ['app', 'seq'] as const)",
    ],
    ['test/trust/channel.test.ts', 'of another channel'],
  ),
  row(
    'history may be forked',
    [
      'src/trust/verify-channel.ts',
      'previous !== undefined && manifest.previous !== previous',
      'previous === manifest.app',
    ],
    ['test/trust/channel.test.ts', 'that follows another'],
  ),
  row(
    'nesting has no bound',
    ['src/protocol/xml-scanner.ts', 'if (depth === maxDepth)', 'if (depth === -1)'],
    ['test/protocol/omaha-xml-parse.test.ts', 'more elements within each other'],
  ),
  row(
    'an attribute may stand twice',
    ['src/protocol/xml-scanner.ts', 'if (attributes.size === before)', 'if (attributes.size < before)'],
    ['test/protocol/omaha-xml-parse.test.ts', 'an attribute twice'],
  ),
  row(
    'unescaped quotes are not repaired',
    ['src/protocol/omaha-xml.ts', 'escapeInnerQuotes(body) : body', 'body : body'],
    ['test/protocol/omaha-xml-parse.test.ts', 'Flatcar#1209'],
  ),
  row(
    'the action has the digest in hex',
    ['src/protocol/omaha-xml.ts', 'sha256="${base64(packages[0].sha256)}"', 'sha256="${packages[0].sha256}"'],
    ['test/protocol/omaha-xml-render.test.ts', 'an update with an OEM package'],
  ),
  row(
    'responses have a default namespace',
    [
      'src/protocol/omaha-xml.ts',
      '<response protocol="3.0" server="platte">',
      '<response xmlns="urn:omaha" protocol="3.0" server="platte">',
    ],
    ['test/protocol/omaha-xml-render.test.ts', 'no update'],
  ),
  row(
    'flag bits stay in error codes',
    ['src/protocol/omaha-error-codes.ts', 'const baseBits = 0x0fffffff', 'const baseBits = 0x7fffffff'],
    ['test/protocol/omaha-error-codes.test.ts', 'an own server'],
  ),
  row(
    'a create overwrites',
    ['src/adapters/memory.ts', 'if (there !== undefined) return equalBytes', 'if (there === null) return equalBytes'],
    ['test/adapters/memory.test.ts', 'of 8 racing creates'],
  ),
  row(
    'a core file looks at the clock',
    [
      'src/core/explain.ts',
      'export function explainDecision',
      'export const born = Date.now()\nexport function explainDecision',
    ],
    ['test/house/floors.test.ts', 'only adapters name Date.now'],
  ),
  row(
    'the core imports from a room above it',
    ['src/core/set.ts', 'import { sha256 } from', "import '../service/health.ts'\nimport { sha256 } from"],
    ['test/house/floors.test.ts', 'no room imports from a room above it'],
  ),
]

/** What a release has for one board: packages, or an image. */
import * as v from 'valibot'
import type { BoardContent, PackageSet } from '../release/channel.ts'
import * as field from './fields.ts'

/** A base URL as clients glue names to it: absolute, no query, ends in "/". */
export const codebase = v.pipe(
  v.string(),
  v.maxLength(500),
  v.regex(/^https?:\/\/[^\s?#"'<>&]+\/$/, 'must be an http(s) URL without a query that ends in /'),
)

/** Browsers resolve it inside the package. */
const program = v.pipe(
  field.matching(/^\w[\w ./+()-]{0,199}$/, 'must be a path inside the package such as setup.exe'),
  v.check((path) => !path.includes('..'), 'must not contain ..'),
)
export const install = v.pipe(
  v.strictObject({
    run: v.exactOptional(program),
    arguments: v.exactOptional(field.text(500)),
    minBrowser: v.exactOptional(field.publishedVersion),
  }),
  v.check((one) => one.arguments === undefined || one.run !== undefined, 'has arguments of no program: give run, too'),
)

const onePackage = v.strictObject({
  name: field.packageName,
  size: field.positive,
  sha256: field.sha256,
  sha1: field.hex(40),
  required: v.exactOptional(v.boolean()),
  install: v.exactOptional(install),
  patch: v.exactOptional(v.strictObject({ from: field.sha256, kind: v.picklist(['puff', 'zucc']) })),
})

/** The packages of one release and board, the OS package first. */
export const packageList = v.pipe(
  v.tupleWithRest([onePackage], onePackage),
  v.maxLength(64),
  v.check((list) => haveDistinctNames(list), 'names a package twice'),
  v.check(
    ([first, ...others]) => !first.patch && !others.some((one) => one.install),
    'begins with a patch, or runs another package than its first',
  ),
)

/** Packages of one board, and the base URLs that they are at. */
export const boardPackages = v.strictObject({
  codebases: v.pipe(v.array(codebase), v.maxLength(10)),
  packages: packageList,
})

export const ociImage = field.matching(
  /^(?=.{1,400}$)[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)+@sha256:[0-9a-f]{64}$/,
  'must be an image with its digest, such as quay.io/fedora/fedora-coreos@sha256:…',
)
/** What machines fetch elsewhere: an ostree commit, an image of a registry. Only in format 2. */
export const image = v.pipe(
  v.strictObject({ checksum: v.exactOptional(field.sha256), oci: v.exactOptional(ociImage) }),
  v.check(({ checksum, oci }) => (checksum ?? oci) !== undefined, 'has neither packages nor an image'),
)

/** What details have of a board. */
export const boardContent = v.lazy((one): v.GenericSchema<BoardContent> => (hasPackages(one) ? boardPackages : image))
const hasPackages = (one: unknown): boolean => typeof one === 'object' && one !== null && 'packages' in one

const digest = field.matching(/^(?:[0-9a-f]{32}|elsewhere)$/, 'must be 32 hex digits, or elsewhere')
/** What manifests have of a board. */
export const packageSet = v.lazy((one): v.GenericSchema<PackageSet> => {
  if (typeof one === 'string') return digest
  return hasPackages(one) ? boardPackages : image
})

export const haveDistinctNames = (list: readonly { readonly name: string }[]): boolean =>
  field.areDistinct(list.map(({ name }) => name))

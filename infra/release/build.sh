#!/bin/sh
# Makes dist/release, the files of a release: the npm package, the executables, the SBOM of what both contain, checksums.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
rm -rf dist/release dist/executables
npm run --silent build:package
npm run --silent build:executables
mkdir dist/release
npm pack --silent --pack-destination dist/release ./dist/npm
mv dist/executables/*.tar.gz dist/release
node infra/release/sbom.ts > "dist/release/platte-$version.cdx.json"
cd dist/release
sha256sum -- * > SHA256SUMS

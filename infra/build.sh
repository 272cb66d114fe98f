#!/bin/sh
# Builds dist/cli/platte.mjs of the clone that this file is in, unless it is there: for jobs that have an identity and keys.
# No script of a package runs, and what builds sees the variables below and no others, whatever a secret is called.
set -eu
cd "$(dirname "$0")/.."
[ ! -e dist/cli/platte.mjs ] || exit 0
set --
for name in PATH HOME LANG LC_ALL TMPDIR \
  HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR \
  NPM_CONFIG_REGISTRY npm_config_registry NPM_CONFIG_CACHE npm_config_cache; do
  eval "value=\${$name-}"
  [ -z "$value" ] || set -- "$@" "$name=$value"
done
# In the place of this process, whose own variables others could read in /proc.
exec env -i "$@" sh -euc 'npm ci --no-audit --no-fund --ignore-scripts; npm run build:cli'

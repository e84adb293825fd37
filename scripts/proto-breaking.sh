#!/usr/bin/env bash
# Refuses changes of the contract that break clients: compares it with the last released version (the newest
# tag `v*` that this commit descends from), by the names and numbers on the wire and in JSON.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${PWD}/node_modules/.bin:${PATH}"

tag=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)
if [ -z "${tag}" ]; then
  echo "proto-breaking: no release yet (no tag v*), nothing to compare with"
  exit 0
fi
released=$(mktemp -d)
trap 'rm -rf "${released}"' EXIT
git archive "${tag}" proto | tar -x -C "${released}"
# What the packages bring along isn't committed, and is the same for both.
rm -rf "${released}/proto/vendor"
cp -R proto/vendor "${released}/proto/vendor"
(cd proto && buf breaking --against "${released}/proto")
echo "proto-breaking: compatible with ${tag}"

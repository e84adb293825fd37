#!/usr/bin/env bash
# Installs what one way of working with the contract needs, and says what it did.
# Usage: setup-tool.sh node|buf|go
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${PWD}/node_modules/.bin:${PATH}"

say() { printf 'setup-%s: %s\n' "${tool}" "$*"; }
readonly tool=${1:-}

case "${tool}" in
node)
  # Node, its compilers and generators all come with the npm packages.
  scripts/setup-npm.sh
  say "node $(node --version), TypeScript $(tsc --version | cut -d' ' -f2)"
  ;;
buf)
  # buf and the TypeScript plugin are npm packages as well.
  scripts/setup-npm.sh
  say "buf $(buf --version)"
  ;;
go)
  missing=()
  for plugin in protoc-gen-go protoc-gen-go-grpc; do
    command -v "${plugin}" >/dev/null || missing+=("${plugin}")
  done
  if [ "${#missing[@]}" -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    missing=()
  fi
  if [ "${#missing[@]}" -gt 0 ]; then
    say "missing: ${missing[*]}; install them by apt, or with Go:" >&2
    say "go install google.golang.org/protobuf/cmd/protoc-gen-go@latest" >&2
    say "go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@latest" >&2
    exit 1
  fi
  say "$(protoc-gen-go --version 2>&1), $(protoc-gen-go-grpc --version 2>&1)"
  ;;
*)
  echo "usage: setup-tool.sh node|buf|go" >&2
  exit 2
  ;;
esac

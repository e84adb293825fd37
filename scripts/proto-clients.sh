#!/usr/bin/env bash
# Generates clients of the contract for another language, where its plugins are.
# Usage: proto-clients.sh go|rust
set -euo pipefail
cd "$(dirname "$0")/../proto"
export PATH="${PWD}/../node_modules/.bin:${HOME}/go/bin:${HOME}/.cargo/bin:${PATH}"

readonly language=${1:-}
case "${language}" in
go)
  plugins=(protoc-gen-go protoc-gen-go-grpc)
  remedy="run 'make setup-go'"
  ;;
rust)
  plugins=(protoc-gen-prost protoc-gen-tonic)
  remedy="run 'cargo install protoc-gen-prost protoc-gen-tonic'"
  ;;
*)
  echo "usage: proto-clients.sh go|rust" >&2
  exit 2
  ;;
esac
for plugin in "${plugins[@]}"; do
  command -v "${plugin}" >/dev/null || {
    echo "proto-${language}: there is no ${plugin} here; ${remedy}" >&2
    exit 1
  }
done
tsx scripts/write-validate-proto.ts
buf generate --template "buf.gen.${language}.yaml"
echo "proto-${language}: $(find "gen-${language}" -type f | wc -l) files in proto/gen-${language}"

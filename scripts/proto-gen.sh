#!/usr/bin/env bash
# Generates TypeScript from the contract with protoc in the place of buf, for where buf can't be had. The
# result is the same. Needs protoc 3.21 or newer (Debian: protobuf-compiler); the plugin is an npm package.
# Usage: scripts/proto-gen.sh
set -euo pipefail
cd "$(dirname "$0")/../proto"
export PATH="${PWD}/../node_modules/.bin:${PATH}"

if ! command -v protoc >/dev/null; then
  echo "proto-gen: there is no protoc here; install it (Debian, Ubuntu: apt-get install protobuf-compiler)" >&2
  exit 1
fi
tsx scripts/write-standard.ts
tsx scripts/write-validate-proto.ts
mapfile -t files < <(find limiquantix google etcd -name '*.proto' | sort)
image=$(mktemp)
trap 'rm -f "${image}"' EXIT
mkdir -p gen
protoc -I . -I vendor --experimental_allow_proto3_optional \
  --include_imports --include_source_info --descriptor_set_out="${image}" \
  --es_out=gen --es_opt=target=ts,import_extension=js \
  --es_opt='rewrite_imports=./buf/validate/**/*_pb.js:@bufbuild/protovalidate/gen' \
  "${files[@]}"
tsx scripts/generate-tables.ts "${image}"
echo "proto-gen: ${#files[@]} files"

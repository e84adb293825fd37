#!/usr/bin/env bash
# Installs the npm packages as the lock file says, if they are not there already.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ node_modules/.package-lock.json -nt package-lock.json ]; then exit 0; fi
echo "setup: installing npm packages"
# not `npm ci`: it refuses a lock file without the packages of platforms that a registry does not carry
npm install --no-audit --no-fund --loglevel=error
touch node_modules/.package-lock.json

#!/bin/sh
# Installs what the checkout needs: Node 24 where the machine's is older, and the packages. A second run does nothing.
# Prints nothing when all is there. Puts nothing outside the checkout except npm's own cache.
set -eu
cd "$(dirname "$0")/.."

say() { echo "[setup] $*" >&2; }
stamp() { cat "$@" | cksum | tr ' ' '-'; }

if ! command -v npm >/dev/null 2>&1; then
  say "npm was not found; install Node.js 20 or later (it comes with npm), then run this again: https://nodejs.org"
  exit 1
fi

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 24 ]; then
  want=$(stamp dev/node/package-lock.json)
  if [ ! -x dev/node/node_modules/.bin/node ] || [ "$(cat dev/node/node_modules/.stamp 2>/dev/null)" != "$want" ]; then
    say "installing Node 24 into the checkout (this machine has ${major}): about 20 s"
    npm ci --prefix dev/node --no-audit --no-fund --loglevel=error >&2
    # The packages are optional, one for each kind of machine: npm does not fail when it could not fetch the right one.
    if ! dev/node/node_modules/.bin/node --version >/dev/null 2>&1; then
      rm -rf dev/node/node_modules
      say "Node 24 could not be installed here ($(uname -s) $(uname -m)): see what npm says to: npm ci --prefix dev/node --loglevel=warn"
      say "or install Node.js 24 yourself (https://nodejs.org), then run this again"
      exit 1
    fi
    echo "$want" > dev/node/node_modules/.stamp
  fi
  PATH="$PWD/dev/node/node_modules/.bin:$PATH"
  export PATH
fi

want=$(stamp package.json package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$want" ]; then
  say "installing the Node packages: about 30 s"
  npm ci --no-audit --no-fund --loglevel=error >&2
  echo "$want" > node_modules/.stamp
fi

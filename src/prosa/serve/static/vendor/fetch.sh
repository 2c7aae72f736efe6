#!/usr/bin/env bash
# Fetches what the page uses of others' work, at fixed versions, from the npm registry (make vendor). Nothing is built or altered.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# take PACKAGE VERSION FOLDER FILE=NAME...: the files and the licence of a package, into a folder here
take() {
  local package=$1 version=$2 folder=$3 pair
  shift 3
  npm pack --silent --pack-destination "$work" "$package@$version" >/dev/null
  mkdir -p "$work/$folder" "$folder"
  tar -xzf "$work"/*.tgz -C "$work/$folder" --strip-components=1
  rm "$work"/*.tgz
  for pair in LICENSE=LICENSE "$@"; do
    cp "$work/$folder/${pair%%=*}" "$folder/${pair##*=}"
  done
}

take marked 18.2.1 marked lib/marked.esm.js=marked.esm.js
take dompurify 3.4.18 dompurify dist/purify.es.mjs=purify.es.js
take @fontsource-variable/newsreader 5.3.0 newsreader \
  files/newsreader-latin-wght-normal.woff2=normal.woff2 files/newsreader-latin-wght-italic.woff2=italic.woff2
take @fontsource-variable/instrument-sans 5.3.0 instrument-sans files/instrument-sans-latin-wght-normal.woff2=normal.woff2
sha256sum */* | sort -k 2 > SHA256SUMS

#!/usr/bin/env bash
# Sets up and builds into build/; with "tools" as the first argument all but the tests. Further arguments go to cmake, for
# example -DDEFOUND_OPENCV=OFF.
set -euo pipefail
cd "$(dirname "$0")/.."
target=all
if [ "${1:-}" = tools ]; then target=tools; shift; fi
scripts/setup.sh
[ -f build/build.ninja ] && [ $# = 0 ] || cmake -S . -B build -G Ninja ${DEFOUND_TORCH:+-DCMAKE_PREFIX_PATH="$DEFOUND_TORCH"} "$@" >&2
ninja -C build "$target" >&2

#!/usr/bin/env bash
# Sets up, builds and runs all tests. Arguments go to ctest, for example -R pipeline.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh
ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"

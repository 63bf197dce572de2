#!/usr/bin/env bash
# Builds the fuzz targets with clang and runs each for SECONDS (default 60) on one core, from the goldens as seeds.
#   scripts/fuzz.sh [SECONDS [TARGET...]]     a find is left as crash-* in build-fuzz/TARGET
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
cmake -S . -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-clang++}" -DDEFOUND_FUZZ=ON -DDEFOUND_OPENCV=OFF >/dev/null
ninja -C build-fuzz
declare -A seeds=(
  [pickle_fuzz]="tests/goldens/pth/*.pkl" [pth_fuzz]="tests/goldens/pth/*.pth tests/goldens/pth/*.ckpt" [safetensors_fuzz]="tests/goldens/pth/*.safetensors"
  [npy_fuzz]="tests/goldens/npy/*.npy" [config_fuzz]="configs/*/*.json" [image_header_fuzz]=".github/*.png"
  [tar_fuzz]="tests/goldens/shards/*.tar")
(($#)) || set -- "${!seeds[@]}"
for target; do
  folder=build-fuzz/$target
  mkdir -p "$folder/seeds" "$folder/corpus"
  # shellcheck disable=SC2086  # the patterns are meant to be expanded
  cp --parents ${seeds[$target]} "$folder/seeds"
  (cd "$folder" && "../bin/$target" -max_total_time="$seconds" -max_len=32768 -rss_limit_mb=2048 -print_final_stats=1 corpus seeds)
done

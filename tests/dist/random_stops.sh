#!/usr/bin/env bash
# A training of two processes that is stopped by SIGTERM to one of them at random moments, again and again, ends as the one
# that was never stopped. Run on demand: tests/dist/random_stops.sh [times, 20]
# [options of the training]
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/build/bin:$PATH
times=${1:-20} options=("${@:2}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
defound-data phantom --modality cxr --count 120 --size 16 --seed 1 --threads 1 --output data 2>log
port=$((20000 + RANDOM % 10000))
start() {  # --output and what follows it
  port=$((port + 1)) pids=()
  for rank in 0 1; do
    env RANK=$rank WORLD_SIZE=2 LOCAL_RANK=$rank LOCAL_WORLD_SIZE=2 MASTER_PORT=$port OMP_NUM_THREADS=1 defound-pretrain --data data --model tiny \
      --input_size 16 --patch_size 8 --learning_rate 1e-3 --batch_size 8 --max_train_steps 2000 --log_every 1 --seed 5 --timeout_seconds 20 \
      --checkpoint_minutes 1000 --resume auto "${options[@]}" "$@" >rank$rank 2>&1 &
    pids+=($!)
  done
}
end() {  # the expected exit code
  for pid in "${pids[@]}"; do
    local code=0
    wait "$pid" || code=$?
    [ $code = "$1" ] || { echo "FAILED  exit code $code, expected $1"; tail -n 3 rank?; exit 1; }
  done
}
start --output whole
end 0
for ((i = 1; i <= times; ++i)); do
  start --output parts
  before=$(wc -l <parts/metrics.jsonl 2>/dev/null || echo 0)
  until [ "$(wc -l <parts/metrics.jsonl 2>/dev/null || echo 0)" -gt "$before" ]; do sleep 0.02; done   # it trains
  sleep "0.$((RANDOM % 40 + 10))"
  rank=$((RANDOM % 2))
  kill -TERM "${pids[$rank]}"
  end 75
  echo "stop $i: rank $rank, $(grep -o 'at step [0-9]* of' rank0 | tail -n 1)"
done
start --output parts
end 0
cmp whole/mae.safetensors parts/mae.safetensors
python3 - <<'PY'
import json

def losses(run):
    return [(row["step"], row["loss"]) for row in map(json.loads, open(f"{run}/metrics.jsonl")) if "loss" in row]

assert losses("whole") == losses("parts"), "losses differ"
print(f"ok      {len(losses('whole'))} losses and mae.safetensors are those of the unbroken run")
PY

#!/usr/bin/env bash
# Two hosts on one machine, as network namespaces with a cable between them: trainings of 2 + 2 processes give the losses of
# one process, and a pulled cable ends all of them with its cause. Needs root; run on demand: tests/dist/two_hosts.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PWD/build/bin:$PATH
work=$(mktemp -d)
clean() {
  for pid in $(ip netns pids defound-a 2>/dev/null; ip netns pids defound-b 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
  ip netns del defound-a 2>/dev/null || true
  ip netns del defound-b 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT
ip netns add defound-a
ip netns add defound-b
ip link add veth-a netns defound-a type veth peer name veth-b netns defound-b
ip -n defound-a addr add 10.77.0.1/24 dev veth-a
ip -n defound-b addr add 10.77.0.2/24 dev veth-b
for side in a b; do ip -n defound-$side link set veth-$side up; ip -n defound-$side link set lo up; done

cd "$work"
defound-data phantom --modality cxr --count 120 --size 16 --seed 1 --threads 1 --output data 2>log

# Starts ranks 0, 1 on the first host and 2, 3 on the second; pids in $pids, outputs in rank0 ... rank3.
start() {
  pids=()
  for rank in 0 1 2 3; do
    local host=a
    ((rank < 2)) || host=b
    ip netns exec defound-$host unshare --uts bash -c 'hostname "$0"; exec "$@"' host-$host env RANK=$rank WORLD_SIZE=4 LOCAL_RANK=$((rank % 2)) LOCAL_WORLD_SIZE=2 \
      MASTER_ADDR=10.77.0.1 MASTER_PORT=29511 OMP_NUM_THREADS=1 "$@" >rank$rank 2>&1 &
    pids+=($!)
  done
}
wait_for_all() {
  codes=()
  for pid in "${pids[@]}"; do local code=0; wait "$pid" || code=$?; codes+=("$code"); done
}
failed=0
check() { if "${@:2}"; then echo "ok      $1"; else echo "FAILED  $1"; failed=1; tail -n 3 rank? || true; fi; }

vit=(--data data --model tiny --input_size 16 --patch_size 8 --learning_rate 1e-3)
declare -A commands=([pretrain]="defound-pretrain ${vit[*]}" [finetune]="defound-finetune ${vit[*]} --drop_path 0.2"
  [generator]="defound-train-generator --data data --unet tiny --resolution 8 --sample_steps 2 --condition_dropout 0.3")
for task in pretrain finetune generator; do
  for precision in fp64 fp32; do
    line=(${commands[$task]} --max_train_steps 20 --batch_size 7 --log_every 1 --seed 5 --precision $precision)
    "${line[@]}" --micro_batch_size 2 --threads 1 --output one-$task-$precision 2>log
    start "${line[@]}" --output four-$task-$precision
    wait_for_all
    check "$task $precision: exit codes ${codes[*]}" [ "${codes[*]}" = "0 0 0 0" ]
    check "$task $precision: 4 processes on 2 hosts" grep -q '4 processes on 2 hosts' rank0
    check "$task $precision: losses of one process" python3 - one-$task-$precision four-$task-$precision $precision <<'PY'
import json
import sys

one, four = ([row["loss"] for row in map(json.loads, open(f"{run}/metrics.jsonl")) if "loss" in row] for run in sys.argv[1:3])
worst = max(abs(a - b) / abs(a) for a, b in zip(one, four))
print(f"        {len(one)} steps, largest relative difference {worst:.1e}")
sys.exit(not (len(one) == len(four) == 20 and worst < {"fp64": 1e-10, "fp32": 1e-5}[sys.argv[3]]))
PY
  done
done

start defound-pretrain "${vit[@]}" --batch_size 8 --max_train_steps 100000 --checkpoint_minutes 1000 --timeout_seconds 8 --log_every 1 --output cable
until grep -q '"step":6,' cable/metrics.jsonl 2>/dev/null; do sleep 0.05; done
ip -n defound-a link set veth-a down
started=$SECONDS
wait_for_all
check "pulled cable: all left with 1 after $((SECONDS - started)) s" [ "${codes[*]}" = "1 1 1 1" ]
for rank in 0 1 2 3; do echo "        rank $rank: $(grep error rank$rank | tail -n 1 | cut -c10-)"; done
check "pulled cable: no checkpoint was written" [ ! -e cable/checkpoints ]
exit $failed

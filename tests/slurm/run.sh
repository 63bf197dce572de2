#!/usr/bin/env bash
# On one Debian machine, as root, on demand: makes a Slurm cluster of two processors here and lets scripts/slurm/chain.sh run
# the chain twice on phantoms, with two processes a training: once left alone, once with signals, a time limit and requeues.
# Both must end without help, with the same products. Takes about ten minutes on two cores, after scripts/build.sh tools.
#   tests/slurm/run.sh [FOLDER]    FOLDER keeps everything; without it a temporary folder goes when all is well
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
source "$repository/tests/slurm/cluster.sh"
[ "$(id -u)" = 0 ] || { echo "run.sh: the daemons of a cluster need root" >&2; exit 2; }
[ -x "$repository/build/bin/defound-pretrain" ] || { echo "run.sh: build first: scripts/build.sh tools" >&2; exit 2; }
PATH=$repository/build/bin:$PATH
folder=${1:-$(mktemp -d /tmp/defound-slurm.XXXXXX)}
[ -z "$(ls -A "$folder" 2>/dev/null)" ] || { echo "run.sh: $folder is not empty" >&2; exit 2; }
mkdir -p "$folder"
folder=$(realpath "$folder")
# A shell inside a job of another cluster would hand its place on.
unset "${!SLURM_@}" "${!SBATCH_@}" RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT
exec > >(tee "$folder/log.txt") 2>&1

failures=0
finish() {
  local code=$?
  stop_cluster
  if ((code == 0)) && [ -z "${1:-}" ]; then rm -rf "$folder"; else echo "everything is in $folder"; fi
}
trap 'finish "${1:-}"' EXIT
say() { printf '%3d s  %s\n' "$SECONDS" "$*"; }
check() {  # WHAT COMMAND...
  local what=$1; shift
  if "$@"; then say "ok      $what"; else say "FAILED  $what"; failures=$((failures + 1)); fi
}

install_slurm
start_cluster "$folder/cluster"
cd "$folder"
say "a cluster of two processors is there: $(sinfo --version)"
defound-data phantom --count 240 --size 48 --seed 1 --log_level error --output data
# One training is to last longer than its time limit of a minute, whatever this machine's speed.
srun --ntasks=2 defound-pretrain --config "$repository/configs/tiny/pretrain-real.json" --data data --batch_size 16 \
  --max_train_steps 40 --threads 1 --log_level error --output trial
long=$(sed -n 's/.*"images_per_second":\([0-9]*\).*/\1/p' trial/metrics.jsonl | tail -n 1 | awk '{ print int(50 * $1 / 16) }')

options=(--recipe tiny --data data/manifest.csv --count 48 --parts 2 --precision fp32
  --sbatch --nodes=1 --sbatch --ntasks-per-node=1 --sbatch --cpus-per-task=1 --sbatch --gpus-per-node=0
  --tool generator:--resolution=16 --tool generator:--max_train_steps=200 --tool generator:--sample_count=1
  --tool synthesize:--images_per_shard=16 --tool mae:--batch_size=16 --tool finetune:--batch_size=16
  --tool mae_synthetic:--max_train_steps=200 --tool "mae_real:--max_train_steps=$long" --tool finetune:--max_train_steps=120)
for stage in generator mae finetune; do options+=(--sbatch "$stage:--ntasks-per-node=2"); done
for stage in generator synthesize audit mae finetune evaluate; do options+=(--tool "$stage:--threads=1"); done
chain() { "$repository/scripts/slurm/chain.sh" "${options[@]}" --output "$@"; }

chain nothing --dry_run >dry_run.txt 2>dry_run.err
check "chain.sh --dry_run prints eight commands and the hours of GPUs" \
  test "$(grep -c 'sbatch --parsable' dry_run.txt) $(grep -c '^== these together' dry_run.err)" = "8 1"
check "and submits nothing" test -z "$(squeue -h)" -a ! -e nothing

# The second chain's jobs fill the pauses of the first.
declare -A job
submit() {
  local stage number
  chain "$@" >"$1.jobs" 2>"$1.costs"
  while read -r stage number; do job[$1.$stage]=$number; done <"$1.jobs"
}
submit disturbed --sbatch mae_real:--time=1 --sbatch mae_real:--signal=USR1@20
submit plain
say "two chains of eight jobs each are submitted; the long training has $long steps"

trains() { grep -q '"loss"' "disturbed/$1/metrics.jsonl"; }
wait_for 240 trains generator || true
check "scontrol requeue of the generator's training" scontrol requeue "${job[disturbed.generator]}"
wait_for 240 test -e disturbed/synthetic/shards/shard-000000.tar || true
check "scancel --signal=USR1 to one job of the synthetic set's array" scancel --signal=USR1 "${job[disturbed.synthesize]}_0"
wait_for 240 trains mae-synthetic || true
check "scancel --signal=USR1 to the pretraining on synthetic images" scancel --signal=USR1 "${job[disturbed.mae_synthetic]}"
wait_for 400 trains classifier || true
check "scontrol requeue of the fine-tuning" scontrol requeue "${job[disturbed.finetune]}"

queue_is_empty() { [ -z "$(squeue -h)" ]; }
check "both chains end by themselves" wait_for 600 queue_is_empty

# The lines of scontrol about a chain's jobs: about CHAIN.STAGE... Several for an array.
about() { for name; do scontrol -o show job "${job[$name]}"; done; }
value() { grep -oE "\b($1)=[^ ]*" | cut -d= -f2; }
starts() { about "$1" | value Restarts | awk '{ n += $1 + 1 } END { print n }'; }
seconds() { while read -r time; do date -d "$time" +%s; done | sort -n; }
in_order() {
  local chain stage end begin
  for chain in plain disturbed; do
    end=0
    for stage in generator synthesize merge audit mae_synthetic mae_real finetune evaluate; do
      begin=$(about "$chain.$stage" | value StartTime | seconds | head -n 1)
      ((begin >= end)) || return 1
      end=$(about "$chain.$stage" | value EndTime | seconds | tail -n 1)
    done
  done
}
went_on() {
  grep -q '2 processes on 1 host (Slurm' "disturbed/$1/provenance.json" && grep -q 'continuing from' "disturbed/$1/log.txt"
}
check "all jobs completed" test "$(about "${!job[@]}" | value JobState | sort -u)" = COMPLETED
check "each started after the end of the one before it" in_order
check "left alone: one start of each training" \
  test "$(about plain.{generator,mae_synthetic,mae_real,finetune} | value Restarts | sort -u)" = 0
check "requeued: the generator's training started $(starts disturbed.generator) times" test "$(starts disturbed.generator)" = 2
check "signaled: the array's two jobs started $(starts disturbed.synthesize) times" test "$(starts disturbed.synthesize)" = 3
check "signaled: pretraining on synthetic images started $(starts disturbed.mae_synthetic) times" \
  test "$(starts disturbed.mae_synthetic)" = 2
check "time limit: pretraining on real images started $(starts disturbed.mae_real) times" \
  test "$(starts disturbed.mae_real)" -ge 2
check "requeued: the fine-tuning started $(starts disturbed.finetune) times" test "$(starts disturbed.finetune)" = 2
for run in generator mae-synthetic mae-real classifier; do
  check "$run: trained by two processes, which went on from a checkpoint" went_on "$run"
done

# The products, byte by byte.
files_of() {
  (cd "$1" && find generator/generator synthetic/shards synthetic/*.csv */*.safetensors evaluation/predictions.csv -type f | sort)
}
check "both chains have the same $(files_of plain | wc -l) files" test "$(files_of plain)" = "$(files_of disturbed)"
for file in $(files_of plain); do check "equal: $file" cmp "plain/$file" "disturbed/$file"; done

check "submitted again, a chain that is done has nothing to do" test "$(chain plain 2>plain.costs | grep -c ' is done')" = 8

# pretrain NAME OPTION...: a job of its own, and one that waits for it.
pretrain() {
  local name=$1; shift
  job[$name]=$(DEFOUND=$repository OUTPUT=$name PRECISION=fp32 sbatch --parsable --nodes=1 --ntasks-per-node=2 --cpus-per-task=1 \
    --gpus-per-node=0 --output="$name.log" "$repository/scripts/slurm/pretrain.sbatch" --threads=1 "$@")
  job[$name-next]=$(sbatch --parsable --dependency="afterok:${job[$name]}" --kill-on-invalid-dep=yes --output=/dev/null \
    --wrap true)
}
DATA=$folder/missing pretrain broken
wait_for 60 queue_is_empty || true
check "wrong settings: the job fails with 2, is not requeued, and what waits for it leaves the queue" \
  test "$(about broken | value 'JobState|Restarts|ExitCode' | xargs) $(about broken-next | value JobState)" = \
  "FAILED 0 2:0 CANCELLED"

CONFIG=$repository/configs/tiny/pretrain-real.json DATA=data pretrain early --batch_size=16 --max_train_steps=100000 \
  --timeout_seconds=20
is_back() { scancel --signal=USR1 "${job[early]}"; [ "$(about early | value Restarts)" = 1 ]; }
check "signals while a training starts: back in the queue" wait_for 60 is_back
wait_for 60 grep -q '"loss"' early/metrics.jsonl || true
check "it trains again" test "$(about early | value JobState)" = RUNNING
scancel "${job[early]}"
wait_for 60 queue_is_empty || true
check "scancel ends it for good, and what waits for it" \
  test "$(about early | value 'JobState|Restarts' | xargs) $(about early-next | value JobState)" = "CANCELLED 1 CANCELLED"

say "$failures checks failed"
((failures == 0))

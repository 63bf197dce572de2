#!/usr/bin/env bash
# The whole pipeline on two CPU cores: images -> generator -> synthetic set -> MAE on synthetic, then on real images ->
# fine-tuned classifier -> evaluation, beside a classifier trained from random weights, and an audit of the synthetic set.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: scripts/demo.sh [--data DIR] [--output DIR] [--minutes N] [--seed N]
  --data DIR     labelled images: a folder with manifest.csv (path,label,patient,split) or with one folder a class;
                 without it, retinal phantoms are made
  --output DIR   where everything goes [demo-output]; continued when it is there already
  --minutes N    length of the pipeline without setup and build [10]
  --seed N       all randomness follows from it [0]
TEXT
}
data='' output=demo-output minutes=10 seed=0
while (($#)); do
  case $1 in
    --data) data=$(realpath "$2"); shift 2 ;;
    --output) output=$2; shift 2 ;;
    --minutes) minutes=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; printf 'unknown argument: %s\n' "$1" >&2; exit 2 ;;
  esac
done
[[ $minutes =~ ^[0-9]+([.][0-9]+)?$ ]] || { printf -- '--minutes must be a number, not %s\n' "$minutes" >&2; exit 2; }
output=$(realpath -m "$output")
cd "$(dirname "$0")/.."
scripts/build.sh tools
PATH=$PWD/build/bin:$PATH
configs=$PWD/configs/tiny
# bf16 is about three times as fast on a CPU that has it, slower on one that has not.
precision=fp32
if grep -qm1 avx512_bf16 /proc/cpuinfo; then precision=bf16; fi
mkdir -p "$output"
common=(--seed "$seed" --precision "$precision" --resume auto --log_level warn)

say() { printf '\n== %s\n' "$*" >&2; }
calc() { python3 -c "print(int($1))"; }
last_rate() { python3 -c "
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
print([row['images_per_second'] for row in rows if 'images_per_second' in row][-1])" "$1/metrics.jsonl"; }

# Trials, validation, pictures, reports and evaluation take some three minutes, however long the rest trains. The shares of
# what is left add up to 0.95 (fine-tuning counts twice).
training_minutes=$(python3 -c "print(max($minutes / 2, $minutes - 2.8))")
# Longer runs look closer at the real images: at 128 px the classifier is better, and a step takes 1.8 times as long.
side=$(calc "128 if $minutes >= 20 else 96")
# steps NAME TOOL SHARE BATCH ARGS...: a few steps are timed, then as many are asked for as fit into SHARE of that time.
steps() {
  local name=$1 tool=$2 share=$3 batch=$4; shift 4
  local file=$output/steps/$name
  if [ ! -e "$file" ]; then
    local trial
    trial=$(mktemp -d)
    "$tool" "$@" --seed "$seed" --precision "$precision" --log_level error --max_train_steps 6 --log_every 3 --output "$trial/run" >&2
    mkdir -p "$output/steps"
    calc "max(20, $share * $training_minutes * 60 * $(last_rate "$trial/run") / $batch)" >"$file"
    rm -rf "$trial"
  fi
  cat "$file"
}

if [ -z "$data" ]; then
  data=$output/data
  say "Data: retinal phantoms, 2 classes"
  [ -e "$data/manifest.csv" ] || defound-data phantom --modality fundus --count 1600 --size 96 --seed "$seed" --output "$data"
fi
manifest=$data/manifest.csv
if [ ! -e "$manifest" ] || ! head -n 1 "$manifest" | grep -q split; then
  manifest=$output/split/manifest.csv
  say "Data: split by patient"
  [ -e "$manifest" ] || defound-data split --data "$data" --shares 0.7,0.1,0.2 --seed "$seed" --output "$manifest"
fi
defound-data stats --data "$manifest" >&2

say "Generator: conditional diffusion on the real training images"
generator_args=(--config "$configs/generator.json" --data "$manifest")
generator_steps=$(steps generator defound-train-generator 0.25 4 "${generator_args[@]}")
defound-train-generator "${generator_args[@]}" "${common[@]}" --max_train_steps "$generator_steps" --output "$output/generator"

say "Synthetic set: the same number of images of each class"
count_file=$output/steps/synthetic
if [ ! -e "$count_file" ]; then
  trial=$(mktemp -d)
  begin=$(date +%s.%N)
  defound-synthesize --config "$configs/synthesize.json" --generator "$output/generator/generator" --count 16 --precision "$precision" --log_level error --output "$trial/set"
  classes=$(($(ls -d "$trial"/set/*/ | wc -l)))
  calc "min(4000, max(256, 0.10 * $training_minutes * 60 * 16 * $classes / ($(date +%s.%N) - $begin))) // $classes" >"$count_file"
  rm -rf "$trial"
fi
defound-synthesize --config "$configs/synthesize.json" --generator "$output/generator/generator" --count "$(cat "$count_file")" "${common[@]}" --output "$output/synthetic"

say "Pretraining: masked autoencoder on the synthetic images, then on the real ones"
mae_args=(--config "$configs/pretrain-synthetic.json" --data "$output/synthetic")
mae_steps=$(steps mae-synthetic defound-pretrain 0.07 64 "${mae_args[@]}")
defound-pretrain "${mae_args[@]}" "${common[@]}" --max_train_steps "$mae_steps" --output "$output/mae-synthetic"
mae_args=(--config "$configs/pretrain-real.json" --input_size "$side" --data "$manifest" --init "$output/mae-synthetic")
mae_steps=$(steps mae-real defound-pretrain 0.25 64 "${mae_args[@]}")
defound-pretrain "${mae_args[@]}" "${common[@]}" --max_train_steps "$mae_steps" --output "$output/mae-real"

say "Fine-tuning: from the pretrained encoder, and from random weights for comparison"
tune_args=(--config "$configs/finetune.json" --input_size "$side" --data "$manifest")
tune_steps=$(steps finetune defound-finetune 0.14 32 "${tune_args[@]}")
defound-finetune "${tune_args[@]}" --init "$output/mae-real" "${common[@]}" --max_train_steps "$tune_steps" --output "$output/classifier"
defound-finetune "${tune_args[@]}" --layer_decay 1 "${common[@]}" --max_train_steps "$tune_steps" --output "$output/classifier-scratch"

say "Evaluation on the test split"
for name in classifier classifier-scratch; do
  [ -e "$output/evaluation-$name/metrics.json" ] ||
    defound-evaluate --model "$output/$name/best.safetensors" --data "$manifest" --split test --tta crops --log_level warn --output "$output/evaluation-$name" >/dev/null
done

say "Audit of the synthetic images: do they copy a patient, are they like the real ones, does the classifier confirm their labels?"
defound-audit --data "$output/synthetic" --reference "$manifest" --encoder "$output/mae-real" --classifier "$output/classifier" \
  --calibration_images 400 --seed "$seed" --resume auto --log_level warn --output "$output/audit" >/dev/null
python3 scripts/demo_table.py "$output"

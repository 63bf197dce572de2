#!/usr/bin/env bash
# The paper's generator stage: Stable Diffusion 1.4 -> fine-tuned generator -> synthetic set -> audit -> filtered manifest.
# Started again it continues; exit code 75: saved after a signal or a time limit, run the same command again.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: scripts/generator_stage.sh --recipe retfound-de|cxrfm-de --init FOLDER --data MANIFEST --output DIR [options]
  --recipe NAME            configs/NAME: values of the paper for fundus or chest images
  --init FOLDER            stable-diffusion-v1-4 as a diffusers folder, or its single .ckpt
  --data MANIFEST          labelled real images with splits (defound-data split makes them)
  --output DIR             where everything goes
  --balance_to N|5x:LABEL  synthetic images: bring each label of the real set to N, or to so many times those of LABEL [5x:normal]
  --prompt_template TEXT   what a label is called in a prompt ["a DSLR photo of {label}"]
  --crops N                random crops of each image whose latents are cached [4]
  --encoder FILE           encoder of the audit's fidelity metrics: RETFound, MAE, timm; without it only copies are looked for
  --classifier FILE        classifier trained on real images: does it confirm the labels?
  --resolution N           side of the images in pixels, that of the generator [512]
  --max_train_steps N      optimizer steps of the generator [the recipe's 60,000]
  --batch_size N           images per optimizer step [the recipe's 64]
  --part i/N               make only this part of the synthetic set, then stop; without it all is made here
  --precision NAME         fp32, bf16 or fp16 [bf16]
  --dry_run                say what each step costs in work, memory and disk, and in hours of kinds of GPU; do nothing
TEXT
}
recipe='' init='' data='' output='' balance=5x:normal template='a DSLR photo of {label}' crops=4 part='' precision=bf16 resolution=512
dry=() audit=() training=()
while (($#)); do
  case $1 in
    --recipe) recipe=$2; shift 2 ;;
    --init) init=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    --output) output=$2; shift 2 ;;
    --balance_to) balance=$2; shift 2 ;;
    --prompt_template) template=$2; shift 2 ;;
    --crops) crops=$2; shift 2 ;;
    --encoder) audit+=(--encoder "$2"); shift 2 ;;
    --classifier) audit+=(--classifier "$2" --filter_labels); shift 2 ;;
    --resolution) resolution=$2; shift 2 ;;
    --max_train_steps | --batch_size) training+=("$1" "$2"); shift 2 ;;
    --part) part=$2; shift 2 ;;
    --precision) precision=$2; shift 2 ;;
    --dry_run) dry=(--dry_run); shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; printf 'unknown argument: %s\n' "$1" >&2; exit 2 ;;
  esac
done
here=$(cd "$(dirname "$0")/.." && pwd)
configs=$here/configs/$recipe
for name in recipe init data output; do
  [ -n "${!name}" ] || { usage >&2; printf -- '--%s is missing\n' "$name" >&2; exit 2; }
done
[ -f "$configs/generator.json" ] || { printf -- '--recipe must be retfound-de or cxrfm-de, not %s\n' "$recipe" >&2; exit 2; }
[ -d "$here/build/bin" ] && PATH=$here/build/bin:$PATH
common=(--resume auto --precision "$precision")
say() { printf '\n== %s\n' "$*" >&2; }

say "Latents and texts, encoded once"
defound-data cache-latents --generator "$init" --data "$data" --resolution "$resolution" --crops "$crops" --prompt_template "$template" \
  --output "$output/latents" "${common[@]}" "${dry[@]}"

say "Generator: the UNet is fine-tuned on real images and their labels"
source_args=(--cached_latents "$output/latents")
[ ${#dry[@]} = 0 ] || source_args=(--data "$data")   # there are no latents yet
defound-train-generator --config "$configs/generator.json" --init "$init" "${source_args[@]}" --prompt_template "$template" \
  --resolution "$resolution" "${training[@]}" --gradient_checkpointing --output "$output/generator" "${common[@]}" "${dry[@]}"

say "Synthetic set"
generator=$output/generator/generator
[ ${#dry[@]} = 0 ] || generator=$init
job=(--config "$configs/synthesize.json" --generator "$generator" --data "$data" --balance_to "$balance" --prompt_template "$template"
  --format shards --image_format jpg --output "$output/synthetic" "${common[@]}")
defound-synthesize "${job[@]}" ${part:+--part "$part"} "${dry[@]}"
[ -z "$part" ] || exit 0   # when all parts are done: defound-synthesize with the same options and --merge, then this without --part
[ ${#dry[@]} = 0 ] || exit 0

say "Audit: copies of patients, near-duplicates, fidelity; manifest-filtered.csv is what to pretrain on"
defound-audit --data "$output/synthetic" --reference "$data" --write_filtered "${audit[@]}" --output "$output/audit" --resume auto

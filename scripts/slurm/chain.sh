#!/usr/bin/env bash
# Submits the whole chain to Slurm: generator -> synthetic set -> audit -> pretraining on synthetic, then on real images ->
# fine-tuning -> evaluation. Each job waits for the one before and goes on by itself after a time limit or a requeue.
# Started again it submits what is not done yet.
set -euo pipefail
usage() {
  cat <<'TEXT'
usage: scripts/slurm/chain.sh --data MANIFEST --output DIR (--count N | --balance_to N|5x:LABEL) [options]
  --data MANIFEST          labelled real images with splits (defound-data split makes them)
  --output DIR             where everything goes, the logs to DIR/logs
  --count N                synthetic images of each label
  --balance_to N|5x:LABEL  or: bring each label of the real set to N, or to so many times those of LABEL
  --recipe NAME            configs/NAME: retfound-de, cxrfm-de or tiny [retfound-de]
  --generator_init FOLDER  what the generator starts from: stable-diffusion-v1-4; without it random weights
  --latents FOLDER         of defound-data cache-latents, to train the generator on
  --generator FOLDER       a finished generator: none is trained
  --prompt_template TEXT   what a label is called in a prompt [with --generator_init "a DSLR photo of {label}"]
  --mae_init FILE          what the first pretraining starts from: mae_pretrain_vit_large.pth; without it random weights
  --parts N                jobs that share the making of the synthetic set [16]
  --unfiltered             pretrain on the whole synthetic set, not on what the audit leaves of it
  --precision NAME         of generator, sampling, pretraining and fine-tuning: fp32, bf16 or fp16 [bf16]
  --sbatch [STAGE:]OPTION  for all jobs, or those of a stage: --sbatch --account=eye --sbatch mae:--nodes=4; repeatable
  --tool STAGE:OPTION      for a stage's tool: --tool mae:--micro_batch_size=112; repeatable
  --dry_run                say what each stage costs in hours of kinds of GPU, print the sbatch commands, submit nothing
STAGE: generator, synthesize, merge, audit, mae_synthetic, mae_real, mae (both), finetune, evaluate.
With CONTAINER=defound.sif in the environment all tools run in that Apptainer image.
TEXT
}
wrong() { printf 'chain.sh: %s\n' "$*" >&2; exit 2; }
data='' output='' count='' balance='' recipe=retfound-de init='' latents='' generator='' template='' mae_init='' parts=16
filtered=1 precision=bf16 dry='' sbatch_options=() tool_options=()
stages='generator|synthesize|merge|audit|mae_synthetic|mae_real|mae|finetune|evaluate'
while (($#)); do
  case $1 in
    --unfiltered) filtered=''; shift; continue ;;
    --dry_run) dry=1; shift; continue ;;
    --help | -h) usage; exit 0 ;;
  esac
  [[ $1 == --* && $# -gt 1 ]] || wrong "unknown argument or missing value: $1; --help shows all options"
  case $1 in
    --data) data=$(realpath "$2") ;;
    --output) output=$(realpath -m "$2") ;;
    --count) count=$2 ;;
    --balance_to) balance=$2 ;;
    --recipe) recipe=$2 ;;
    --generator_init) init=$(realpath "$2") ;;
    --latents) latents=$(realpath "$2") ;;
    --generator) generator=$(realpath "$2") ;;
    --prompt_template) template=$2 ;;
    --mae_init) mae_init=$(realpath "$2") ;;
    --parts) parts=$2 ;;
    --precision) precision=$2 ;;
    --sbatch) [[ $2 =~ ^(($stages):)?- ]] || wrong "--sbatch $2: expected [STAGE:]OPTION"; sbatch_options+=("$2") ;;
    --tool) [[ $2 =~ ^($stages):- ]] || wrong "--tool $2: expected STAGE:OPTION"; tool_options+=("$2") ;;
    *) wrong "unknown argument: $1; --help shows all options" ;;
  esac
  shift 2
done
DEFOUND=$(cd "$(dirname "$0")/../.." && pwd)
configs=$DEFOUND/configs/$recipe
[[ -n $data && -n $output ]] || wrong "--data and --output are needed; --help shows all options"
[[ -n $count && -z $balance || -z $count && -n $balance ]] || wrong "give either --count or --balance_to"
[ -f "$configs/pretrain-real.json" ] || wrong "--recipe must be retfound-de, cxrfm-de or tiny, not $recipe"
[[ $parts =~ ^[1-9][0-9]*$ ]] || wrong "--parts must be a number from 1, not $parts"
if [ -n "$init" ]; then
  template=${template:-a DSLR photo of {label\}}
  tool_options=(generator:--gradient_checkpointing "${tool_options[@]}")
fi
for option in "${tool_options[@]}"; do [[ $option != synthesize:* ]] || tool_options+=("merge:${option#*:}"); done
tool_options+=(merge:--merge)
sbatch_options=("synthesize:--array=0-$((parts - 1))" merge:--gpus-per-node=0 "${sbatch_options[@]}")
trained=${generator:-$output/generator/generator}
source "$DEFOUND/scripts/slurm/step.sh"

# Those of a list of options that are meant for a stage, in `chosen`.
choose() {
  local stage=$1 option; shift
  chosen=()
  for option; do
    case $option in
      -*) chosen+=("$option") ;;
      "$stage":* | "${stage%_*}":*) chosen+=("${option#*:}") ;;
    esac
  done
}

source "$DEFOUND/scripts/slurm/costs.sh"
estimate_all
if [ -n "$dry" ]; then cat "$costs"; else sed -n '/^== these together/,$p' "$costs"; fi >&2

# submit STAGE AFTER FINISHED SCRIPT VARIABLE=VALUE...: AFTER is the stage to wait for; nothing is to be done where FINISHED is.
declare -A job=()
submit() {
  local stage=$1 after=$2 finished=$3 script=$4 word; shift 4
  job[$stage]=''
  if [ -e "$finished" ]; then printf '# %s is done: %s\n' "$stage" "$finished"; return; fi
  local command=(env "DEFOUND=$DEFOUND" "PRECISION=$precision" "$@" sbatch --parsable --export=ALL --kill-on-invalid-dep=yes
    --job-name="$stage" --output="$output/logs/$stage-%j.log")
  [ -z "$after" ] || [ -z "${job[$after]:-}" ] || command+=("--dependency=afterok:${job[$after]}")
  choose "$stage" "${sbatch_options[@]}"
  command+=("${chosen[@]}" "$DEFOUND/scripts/slurm/$script")
  choose "$stage" "${tool_options[@]}"
  command+=("${chosen[@]}")
  if [ -n "$dry" ]; then
    job[$stage]=\$$stage   # what is printed can be run
    printf '%s=$(' "$stage"
    for word in "${command[@]}"; do
      if [[ $word == --dependency=* ]]; then printf '%s ' "$word"; else printf '%q ' "$word"; fi
    done
    printf ')\n'
  else
    job[$stage]=$("${command[@]}")
    job[$stage]=${job[$stage]%%;*}   # the name of the cluster may follow
    printf '%-14s %s\n' "$stage" "${job[$stage]}"
  fi
}

synthetic=$output/synthetic
pretrained_on=$synthetic/manifest.csv
[ -z "$filtered" ] || pretrained_on=$synthetic/manifest-filtered.csv
drawing=("CONFIG=$configs/synthesize.json" "GENERATOR=$trained" "DATA=$data" "COUNT=$count" "BALANCE_TO=$balance"
  "PROMPT_TEMPLATE=$template" "OUTPUT=$synthetic")
[ -n "$dry" ] || mkdir -p "$output/logs"
[ -n "$generator" ] || submit generator '' "$output/generator/DONE" train-generator.sbatch "CONFIG=$configs/generator.json" \
  "DATA=$data" "LATENTS=$latents" "INIT=$init" "PROMPT_TEMPLATE=$template" "OUTPUT=$output/generator"
submit synthesize generator "$synthetic/DONE" synthesize.sbatch "${drawing[@]}"
drawn=synthesize
if ((parts > 1)); then
  drawn=merge
  submit merge synthesize "$synthetic/DONE" synthesize.sbatch "${drawing[@]}"
fi
submit audit "$drawn" "$output/audit/DONE" audit.sbatch "SYNTHETIC=$synthetic" "REFERENCE=$data" ENCODER= \
  "OUTPUT=$output/audit"
submit mae_synthetic audit "$output/mae-synthetic/DONE" pretrain.sbatch "CONFIG=$configs/pretrain-synthetic.json" \
  "DATA=$pretrained_on" "INIT=$mae_init" "OUTPUT=$output/mae-synthetic"
submit mae_real mae_synthetic "$output/mae-real/DONE" pretrain.sbatch "CONFIG=$configs/pretrain-real.json" \
  "DATA=$data" "INIT=$output/mae-synthetic" "OUTPUT=$output/mae-real"
submit finetune mae_real "$output/classifier/DONE" finetune.sbatch "CONFIG=$configs/finetune.json" \
  "DATA=$data" "INIT=$output/mae-real" "OUTPUT=$output/classifier"
submit evaluate finetune "$output/evaluation/metrics.json" evaluate.sbatch "MODEL=$output/classifier" \
  "DATA=$data" SPLIT=test "OUTPUT=$output/evaluation"

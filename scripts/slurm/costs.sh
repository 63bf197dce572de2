# Sourced by chain.sh: what each stage costs, by the tools' own --dry_run, into the file `costs`. Wrong settings are found now
# and not after a night in the queue.

costs=$(mktemp)
trap 'rm -f "$costs"' EXIT

# estimate STAGE COMMAND...
estimate() {
  local stage=$1; shift
  choose "$stage" "${tool_options[@]}"
  printf '\n== %s\n' "$stage" >>"$costs"
  "${prefix[@]}" "$@" "${chosen[@]}" --log_level error --dry_run >>"$costs" || wrong "$stage cannot run with these settings"
}

# Optimizer steps of the first pretraining on so many images, unless they are asked for.
steps_on() {
  choose mae_synthetic "${tool_options[@]}"
  "${prefix[@]}" defound-pretrain --config "$configs/pretrain-synthetic.json" "${chosen[@]}" --print_config | awk -v images="$1" '
    { gsub("[\",:]", "") }
    $1 == "epochs" { epochs = $2 }
    $1 == "batch_size" { batch = $2 }
    $1 == "max_train_steps" { steps = $2 }
    END { if (steps == 0) print int(epochs * int(images / batch)) }'
}

estimate_all() {
  local precision=${precision/fp16/bf16}   # as large; fp16 is refused where there is no GPU
  local source_args=(--data "$data") drawn_with=$trained images steps
  [ -z "$latents" ] || source_args=(--cached_latents "$latents")
  [ -n "$generator" ] || estimate generator defound-train-generator --config "$configs/generator.json" "${source_args[@]}" \
    ${init:+--init "$init"} ${template:+--prompt_template "$template"} --precision "$precision"
  [ -d "$trained" ] || drawn_with=$init
  if [ -n "$drawn_with" ]; then
    estimate synthesize defound-synthesize --config "$configs/synthesize.json" --generator "$drawn_with" \
      ${count:+--count "$count"} ${balance:+--data "$data" --balance_to "$balance"} \
      ${template:+--prompt_template "$template"} --precision "$precision"
    images=$(awk '$1 == "images" && NF == 2 { gsub(",", ""); print $2 }' "$costs" | tail -n 1)
    steps=$(steps_on "$images")   # these images are not there yet: as many steps on the real ones cost the same
    estimate mae_synthetic defound-pretrain --config "$configs/pretrain-synthetic.json" --data "$data" \
      ${mae_init:+--init "$mae_init"} ${steps:+--max_train_steps "$steps"} --precision "$precision"
  else
    printf '\n== synthesize, mae_synthetic\nnot known before the generator is there: ask again then\n' >>"$costs"
  fi
  estimate mae_real defound-pretrain --config "$configs/pretrain-real.json" --data "$data" --precision "$precision"
  estimate finetune defound-finetune --config "$configs/finetune.json" --data "$data" --precision "$precision"
  local total
  total=$(awk '/ h$/ { name = substr($0, 3, 22); if (!(name in hours)) order[++kinds] = name; hours[name] += $(NF - 1) }
    END { for (i = 1; i <= kinds; ++i) printf "  %s%.4g h\n", order[i], hours[order[i]] }' "$costs")
  printf '\n== these together, in hours of one GPU\n%s\n\n' "$total" >>"$costs"
}

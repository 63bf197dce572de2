#include "defound/tasks/weights_merge.h"

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/publish_folder.h"
#include "defound/models/merge_lora.h"
#include "defound/run/provenance.h"
#include "defound/tensor/weights_reader.h"
#include "weights_text.h"

namespace defound {
namespace {

void check_merge(const WeightsMergeConfig& config, bool is_file) {
  if (config.lora.empty()) reject("no adapter is given: --lora FILE or --lora FILE:SCALE, repeated for each");
  const fs::path output(config.output);
  if (config.output.empty())
    reject("no --output is given: a folder for a generator folder, a name that ends in .safetensors for a file");
  if (is_file && output.extension() != ".safetensors")
    reject("--output {} must end in .safetensors, as {} is a file", config.output, config.base);
  if (!is_there(output)) return;
  std::error_code ignored;
  if (fs::equivalent(output, config.base, ignored)) reject("--output {} is what is read; give another name", config.output);
  if (!config.overwrite) reject("{} is there already; give another --output, or --overwrite", config.output);
}

std::string merge_into_folder(const WeightsMergeConfig& config) {
  Generator generator = Generator::load(config.base);
  Ancestry ancestry = read_ancestry(config.base);
  for (const std::string& item : config.lora) {
    const LoraChoice choice = parse_lora_choice(item);
    merge_lora(generator, read_lora(choice.file), choice.scale);
    ancestry.add(read_ancestry(choice.file));
  }
  publish_folder(config.output, [&](const fs::path& fresh) {
    generator.save(fresh);
    Provenance(fresh / "provenance.json").set_ancestry(ancestry);
  });
  return printable(fmt::format("{}: a generator folder with {} adapters merged", config.output, config.lora.size())) + "\n";
}

std::string merge_into_file(const WeightsMergeConfig& config) {
  WeightsFile file = read_weights(config.base);
  if (const WeightsIdentity identity = identify_weights(file.tensors, file.metadata);
      identity.kind != WeightsKind::kUnet || !identity.prefix.empty())
    reject("{} is this: {}; adapters are merged into a generator folder or a diffusers UNet", config.base, identity.what);
  for (const std::string& item : config.lora) {
    const LoraChoice choice = parse_lora_choice(item);
    const LoraAdapter adapter = read_lora(choice.file);
    if (!adapter.text_encoder.empty())
      reject("{} changes the text encoder too: merge it into the whole generator folder", adapter.file.string());
    for (auto& [name, merged] : merged_weights(file.tensors, adapter.unet, choice.scale, adapter.file))
      file.tensors[name] = merged;
  }
  save_safetensors(config.output, file.tensors, {{"format", "pt"}});
  return printable(fmt::format("{}: the UNet with {} adapters merged, {} tensors", config.output, config.lora.size(),
                               file.tensors.size())) +
         "\n";
}

}  // namespace

void WeightsMergeConfig::visit(Visitor& v) {
  v.group("Merge");
  v(field("base", "generator folder, or a file of UNet weights"), base);
  v(field("lora", "adapter to merge, FILE or FILE:SCALE (default 1); repeat for each: they add up").whole(), lora);
  v(field("output", "what to write: a generator folder, or a .safetensors file when the base is a file"), output);
  v(field("overwrite", "replace the output when it is there"), overwrite);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}),
    log_level);
}

std::string weights_merge(WeightsMergeConfig& config) {
  log::set_level(config.log_level);
  if (config.base.empty()) reject("no base is given: defound-weights merge GENERATOR --lora FILE --output FOLDER");
  const bool is_file = !fs::is_directory(config.base);
  check_merge(config, is_file);
  return is_file ? merge_into_file(config) : merge_into_folder(config);
}

}  // namespace defound

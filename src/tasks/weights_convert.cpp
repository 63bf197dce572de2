#include "defound/tasks/weights_convert.h"

#include <fmt/ranges.h>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/models/autoencoder_kl.h"
#include "defound/models/generator.h"
#include "defound/models/vit_conversion.h"
#include "defound/tensor/pth.h"
#include "defound/tensor/weights_reader.h"
#include "weights_text.h"

namespace defound {
namespace {

void check_output(const WeightsConvertConfig& config, bool is_folder) {
  const fs::path output(config.output);
  if (config.output.empty()) reject("no --output is given: a name that ends in .safetensors or .pth (a folder for a whole Stable Diffusion)");
  if (!is_folder && output.extension() != ".safetensors" && output.extension() != ".pth") reject("--output {} must end in .safetensors or .pth", config.output);
  if (!is_there(output)) return;
  std::error_code ignored;
  if (fs::equivalent(output, config.file, ignored)) reject("--output {} is the file that is read; give another name", config.output);
  if (!config.overwrite) reject("{} is there already; give another --output, or --overwrite", config.output);
}

/// Parts of a diffusers folder keep their names, but for the attention of old autoencoders.
TensorMap to_diffusers(const TensorMap& file, const WeightsIdentity& identity, const std::string& origin, std::vector<std::string>& changes) {
  if (!identity.prefix.empty()) changes.push_back(fmt::format("took '{}' off the names", identity.prefix));
  const TensorMap weights = without_prefix(file, identity);
  if (identity.kind == WeightsKind::kAutoencoder && identity.names == "diffusers") return rename_old_attention_keys(weights);
  if (identity.names == "diffusers" || identity.kind == WeightsKind::kClipText) return weights;
  reject("{} is this: {}; --to diffusers takes a UNet, an AutoencoderKL or a CLIP text encoder under diffusers' names, or a whole Stable Diffusion 1.x", origin, identity.what);
}

VitConversion vit_options(const WeightsConvertConfig& config) {
  return {.drop_decoder = config.drop_decoder, .drop_head = config.drop_head, .num_classes = config.num_classes, .global_pool = config.global_pool,
          .input_size = config.input_size, .interpolation = config.interpolation == "timm" ? TableInterpolation::kTimm : TableInterpolation::kMae,
          .seed = static_cast<uint64_t>(config.seed)};
}

bool same_names_and_shapes(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) { return x.first == y.first && x.second.sizes() == y.second.sizes(); });
}

void write_weights(const WeightsConvertConfig& config, const WeightsFile& file, const TensorMap& weights) {
  if (fs::path(config.output).extension() == ".pth") {
    if (!file.metadata.empty() && !file.container.starts_with("pth")) log::warn("the metadata stays behind: a .pth has no place for it");
    return save_pth(config.output, weights);
  }
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (!file.container.starts_with("pth") && same_names_and_shapes(file.tensors, weights)) metadata.insert(file.metadata.begin(), file.metadata.end());
  save_safetensors(config.output, weights, metadata);
}

/// How the program that the file is for makes the model.
std::string loader_hint(const std::string& to, const WeightsIdentity& written) {
  const Json& sizes = written.sizes;
  if (to != "timm" || !sizes.contains("heads") || !sizes.contains("image_size")) return "";
  const std::map<int64_t, const char*> names = {{192, "tiny"}, {384, "small"}, {768, "base"}, {1024, "large"}, {1280, "huge"}};
  const bool dino = written.kind == WeightsKind::kDinoV2, average = sizes.value("pooling", "").starts_with("average");
  const std::string tail = !dino ? "_224" : sizes.contains("register_tokens") ? "_reg4_dinov2" : "_dinov2";
  return fmt::format("timm.create_model('vit_{}_patch{}{}', img_size={}, num_classes={}{})\n", names.at(sizes["width"]), sizes["patch_size"].get<int64_t>(), tail,
                     sizes["image_size"].get<int64_t>(), sizes.value("classes", int64_t{0}), average ? ", global_pool='avg'" : "");
}

}  // namespace

void WeightsConvertConfig::visit(Visitor& v) {
  v.group("Convert");
  v(field("file", "weights: .safetensors, an index of shards or its folder, .pth"), file);
  v(field("to", "whose names: mae, timm, retfound (vision transformers), diffusers (parts of a generator)").one_of({"", "mae", "timm", "retfound", "diffusers"}), to);
  v(field("output", "file to write, .safetensors or .pth ({'model': ...}); the folder for an original Stable Diffusion file --to diffusers"), output);
  v(field("overwrite", "replace the output when it is there"), overwrite);
  v.group("Vision transformers");
  v(field("drop_head", "leave the classification head out"), drop_head);
  v(field("drop_decoder", "leave MAE's decoder out (--to timm always does)"), drop_decoder);
  v(field("num_classes", "draw a new head of so many classes, unless the file's has as many; 0: the file's").range(0, 1e7), num_classes);
  v(field("global_pool", "token: norm; avg: fc_norm; auto: the file's, and avg for a classifier --to retfound").one_of({"auto", "token", "avg"}), global_pool);
  v(field("input_size", "side of the images in pixels: position tables are made to fit; 0: the file's").range(0, 65536), input_size);
  v(field("interpolation", "of position tables: bicubic as MAE does it, or antialiased as timm").one_of({"mae", "timm"}), interpolation);
  v(field("seed", "of a new head").at_least(0), seed);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

std::string weights_convert(WeightsConvertConfig& config) {
  log::set_level(config.log_level);
  if (config.file.empty()) reject("no file is given: defound-weights convert FILE --to mae|timm|retfound|diffusers --output FILE");
  if (config.to.empty()) reject("no --to is given: mae, timm, retfound or diffusers");
  if (config.drop_head && config.num_classes > 0) reject("--drop_head and --num_classes {} contradict each other", config.num_classes);
  const WeightsFile file = read_weights(config.file);
  const WeightsIdentity identity = identify_weights(file.tensors, file.metadata);
  const bool whole_generator = config.to == "diffusers" && identity.kind == WeightsKind::kStableDiffusion;
  check_output(config, whole_generator);
  if (whole_generator) {
    Generator::load(config.file).save(config.output);
    return printable(fmt::format("{}: a generator folder (diffusers' StableDiffusionPipeline) from this: {}; fp32", config.output, identity.what)) + "\n";
  }
  const VitNames names = config.to == "mae" ? VitNames::kMae : config.to == "timm" ? VitNames::kTimm : VitNames::kRetfound;
  std::vector<std::string> changes;
  const TensorMap weights = config.to == "diffusers" ? to_diffusers(file.tensors, identity, config.file, changes)
                                                     : convert_vit(file.tensors, identity, names, vit_options(config), config.file, changes);
  write_weights(config, file, weights);
  const WeightsIdentity written = identify_weights(weights);
  std::string text = printable(fmt::format("{}: {}, {} tensors", config.output, written.what, weights.size())) + "\n";
  for (const std::string& change : changes) text += "- " + printable(change) + "\n";
  return text + loader_hint(config.to, written);
}

}  // namespace defound

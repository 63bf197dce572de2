#include "defound/models/weights_identity.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "weights_shapes.h"

namespace defound {
namespace {

constexpr size_t kMostWrapperDepth = 4, kMostPrefixesNamed = 10;

/// What training programs put before the names; the averaged network before the one that is trained.
constexpr std::array kWrapperPrefixes = {"module.", "_orig_mod.", "state_dict.", "teacher.", "student.", "model.", "backbone."};

std::optional<WeightsIdentity> identify_lora(const WeightsShapes& shapes) {
  const std::vector<std::pair<const char*, const char*>> spellings = {{".lora_A.weight", "peft"}, {".lora_A.default.weight", "peft"}, {".lora_down.weight", "kohya"},
                                                                      {".lora.down.weight", "diffusers"}, {".lora_linear_layer.down.weight", "diffusers"},
                                                                      {"_lora.down.weight", "diffusers"}};
  for (const auto& [down, names] : spellings) {
    const auto first = shapes.first("", down);
    if (!first) continue;
    WeightsIdentity identity{.kind = WeightsKind::kLora, .names = names};
    identity.sizes = {{"rank", shapes.size(*first, 0)}, {"layers", shapes.count("", down)}};
    const bool text = shapes.any_begins("text_encoder") || shapes.any_begins("lora_te"), unet = shapes.any_begins("unet") || shapes.any_begins("lora_unet");
    const char* target = text && unet ? " for UNet and text encoder" : unet ? " for a UNet" : text ? " for a text encoder" : "";
    identity.what = fmt::format("LoRA adapter{}, rank {}", target, shapes.size(*first, 0));
    identity.uses = {{"synthesis", "with the generator that it was trained on: defound-synthesize --generator FOLDER --lora FILE"},
                     {"merging", "into that generator: defound-weights merge FOLDER --lora FILE"}};
    identity.notes.push_back("an adapter only: the model that it was trained on is needed beside it");
    return identity;
  }
  return std::nullopt;
}

std::optional<WeightsIdentity> identify_label_table(const WeightsShapes& shapes) {
  if (!shapes.has("embedding") || shapes.names().size() != 1 || shapes.size("embedding", 2) == 0) return std::nullopt;
  WeightsIdentity identity{.kind = WeightsKind::kLabelTable, .names = "defound"};
  identity.what = fmt::format("label table of a defound generator, {} labels", shapes.size("embedding", 0) - 1);
  identity.sizes = {{"labels", shapes.size("embedding", 0) - 1}, {"tokens", shapes.size("embedding", 1)}, {"cross_attention_dim", shapes.size("embedding", 2)}};
  identity.uses = {{"generator", "belongs to condition/model.safetensors of a generator folder"}};
  return identity;
}

WeightsIdentity checkpoint_identity(const std::string& state) {
  WeightsIdentity identity{.kind = WeightsKind::kCheckpoint, .what = "checkpoint of a defound training run", .names = "defound"};
  const Json values = Json::parse(state, nullptr, /*allow_exceptions=*/false);
  for (const char* key : {"step", "epoch"})
    if (values.is_object() && values.contains(key)) identity.sizes[key] = values[key];
  identity.uses = {{"continuing", "the run that wrote it goes on with --resume auto"}, {"starting", "take the run's product (mae.safetensors, best.safetensors) for --init"}};
  return identity;
}

WeightsIdentity unknown_identity(const WeightsShapes& shapes) {
  std::map<std::string, int64_t> prefixes;
  for (const std::string& name : shapes.names()) ++prefixes[name.substr(0, name.find('.'))];
  std::vector<std::pair<int64_t, std::string>> largest;
  for (const auto& [name, count] : prefixes) largest.emplace_back(-count, name);
  std::sort(largest.begin(), largest.end());
  std::vector<std::string> named;
  for (size_t i = 0; i < largest.size() && i < kMostPrefixesNamed; ++i) named.push_back(fmt::format("{} ({})", largest[i].second, -largest[i].first));
  WeightsIdentity identity{.what = "unknown: no model whose names are known here"};
  identity.notes.push_back(fmt::format("names begin with: {}{}", fmt::join(named, ", "), largest.size() > named.size() ? ", ..." : ""));
  return identity;
}

std::optional<WeightsIdentity> identify_below(const WeightsShapes& shapes) {
  for (const auto identify : {identify_lora, identify_stable_diffusion, identify_unet, identify_autoencoder, identify_clip_text, identify_transformers_vit,
                              identify_vit, identify_label_table})
    if (auto identity = identify(shapes)) return identity;
  return std::nullopt;
}

std::string family(WeightsKind kind) {
  switch (kind) {
    case WeightsKind::kMae:
    case WeightsKind::kEncoder:
    case WeightsKind::kClassifier: return "a vision transformer under MAE's or timm's names";
    case WeightsKind::kUnet: return "a diffusers UNet";
    case WeightsKind::kAutoencoder: return "a diffusers AutoencoderKL";
    case WeightsKind::kClipText: return "a CLIP text encoder";
    case WeightsKind::kLabelTable: return "the label table of a generator";
    default: return "";
  }
}

std::string other_kind(const WeightsIdentity& file, const std::string& needed) {
  std::string text = fmt::format("the file is this: {}; needed is {}", file.what, needed);
  if (file.kind == WeightsKind::kDinoV2) return text + " (a DINOv2 encoder has layer scale, ls1 and ls2, and is not supported)";
  if (file.kind == WeightsKind::kTransformersVit) return text + "; defound-weights convert --to mae gives it those names";
  if (file.kind == WeightsKind::kCheckpoint) return text + "; take the run's product (mae.safetensors, best.safetensors)";
  return text;
}

}  // namespace

int64_t WeightsShapes::size(const std::string& name, int64_t dimension) const {
  const auto found = tensors_.find(prefix_ + name);
  return found == tensors_.end() || dimension >= found->second.dim() ? 0 : found->second.size(dimension);
}

bool WeightsShapes::any_begins(const std::string& start) const {
  const auto found = tensors_.lower_bound(prefix_ + start);
  return found != tensors_.end() && found->first.starts_with(prefix_ + start);
}

int64_t WeightsShapes::count(const std::string& start, const std::string& end) const {
  int64_t count = 0;
  for (auto at = tensors_.lower_bound(prefix_ + start); at != tensors_.end() && at->first.starts_with(prefix_ + start); ++at) count += at->first.ends_with(end);
  return count;
}

std::optional<std::string> WeightsShapes::first(const std::string& start, const std::string& end) const {
  for (auto at = tensors_.lower_bound(prefix_ + start); at != tensors_.end() && at->first.starts_with(prefix_ + start); ++at)
    if (at->first.ends_with(end)) return at->first.substr(prefix_.size());
  return std::nullopt;
}

std::vector<std::string> WeightsShapes::names() const {
  std::vector<std::string> names;
  for (auto at = tensors_.lower_bound(prefix_); at != tensors_.end() && at->first.starts_with(prefix_); ++at) names.push_back(at->first.substr(prefix_.size()));
  return names;
}

std::string WeightsShapes::metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? "" : found->second;
}

WeightsIdentity identify_weights(const TensorMap& tensors, const std::map<std::string, std::string>& metadata) {
  const WeightsShapes whole(tensors, metadata, "");
  if (whole.metadata("format") == "defound checkpoint 1") return checkpoint_identity(whole.metadata("state"));
  std::string prefix;
  for (size_t depth = 0; depth <= kMostWrapperDepth; ++depth) {
    const WeightsShapes shapes(tensors, metadata, prefix);
    if (auto identity = identify_below(shapes)) {
      identity->prefix = prefix;
      if (const size_t inside = shapes.names().size(); inside < tensors.size())
        identity->notes.push_back(fmt::format("{} tensors do not lie under '{}' and are no part of it", tensors.size() - inside, prefix));
      return *identity;
    }
    const auto* wrapper = std::find_if(kWrapperPrefixes.begin(), kWrapperPrefixes.end(), [&](const char* name) { return shapes.any_begins(name); });
    if (wrapper == kWrapperPrefixes.end()) break;
    prefix += *wrapper;
  }
  return unknown_identity(whole);
}

std::string misfit_cause(const WeightsIdentity& file, const WeightsIdentity& model) {
  const std::string needed = family(model.kind);
  if (needed.empty() || file.kind == WeightsKind::kUnknown) return "";
  if (family(file.kind) != needed) return other_kind(file, needed);
  if (!file.prefix.empty()) return fmt::format("the names begin with '{}': saved from inside a wrapper; take that prefix off (defound-weights convert)", file.prefix);
  if (file.names != model.names) return fmt::format("the file has the names of {}, the model those of {}", file.names, model.names);
  std::vector<std::string> others;
  for (const auto& [key, value] : file.sizes.items())
    if (key != "image_size" && key != "pooling" && key != "classes" && model.sizes.contains(key) && model.sizes[key] != value)
      others.push_back(fmt::format("{} is {} in the file, {} in the model", key, value.dump(), model.sizes[key].dump()));
  if (!others.empty()) return fmt::format("a model of another size: {}", fmt::join(others, ", "));
  if (file.sizes.contains("classes") && model.sizes.contains("classes") && file.sizes["classes"] != model.sizes["classes"])
    return fmt::format("made for another number of classes: the file holds a head of {}, the data has {}", file.sizes["classes"].dump(), model.sizes["classes"].dump());
  return "";
}

TensorMap without_prefix(const TensorMap& tensors, const WeightsIdentity& identity) {
  if (identity.prefix.empty()) return tensors;
  TensorMap inside;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(identity.prefix)) inside[name.substr(identity.prefix.size())] = tensor;
  return inside;
}

}  // namespace defound

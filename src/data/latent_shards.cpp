#include "defound/data/latent_shards.h"

#include <fmt/ranges.h>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/tensor/safetensors.h"

namespace defound {
namespace {

constexpr const char *kCacheKey = "defound.cache", *kShardKey = "defound.shard", *kPromptsKey = "defound.prompts";
constexpr const char *kMoments = "moments", *kHiddenStates = "hidden_states";

std::string value_at(const Safetensors& content, const std::string& key) {
  const auto found = content.metadata.find(key);
  return found == content.metadata.end() ? "" : found->second;
}

/// The one tensor that the file must hold.
torch::Tensor only_tensor(const Safetensors& content, const std::string& name, const std::vector<int64_t>& sizes,
                          torch::Dtype type, const fs::path& file) {
  const auto found = content.tensors.find(name);
  if (found == content.tensors.end() || content.tensors.size() != 1)
    reject("{} must hold one tensor, '{}'; it holds {}", file.string(), name, content.tensors.size());
  const torch::Tensor& tensor = found->second;
  if (tensor.sizes() != torch::IntArrayRef(sizes) || tensor.scalar_type() != type)
    reject("{}: '{}' is {} [{}]; cache.json says {} [{}]", file.string(), name, c10::toString(tensor.scalar_type()),
           fmt::join(tensor.sizes(), ", "), c10::toString(type), fmt::join(sizes, ", "));
  return tensor;
}

void check_origin(const Safetensors& content, const std::string& id, int64_t shard, const fs::path& file) {
  if (const std::string of = value_at(content, kCacheKey); of != id)
    reject("{} is part of {}, not of the cache that it lies in ({}); make the cache anew", file.string(),
           of.empty() ? "no cache" : "the cache " + of, id);
  if (const std::string place = value_at(content, kShardKey); place != std::to_string(shard))
    reject("{} is shard {} of its cache under another name", file.string(), place);
}

}  // namespace

LatentShards::LatentShards(fs::path folder, LatentCacheInfo info)
    : folder_(std::move(folder)), info_(std::move(info)), id_(sha256(info_.text()).substr(0, 16)) {}

fs::path LatentShards::file(int64_t shard) const { return folder_ / fmt::format("latents-{:06}.safetensors", shard); }
fs::path LatentShards::text_file(int64_t shard) const { return folder_ / fmt::format("text-{:06}.safetensors", shard); }

std::vector<int64_t> LatentShards::latent_sizes(int64_t shard) const {
  return {info_.images_in(shard), info_.views(), 2 * info_.channels, info_.height, info_.width};
}
std::vector<int64_t> LatentShards::text_sizes(int64_t shard) const {
  return {info_.prompts_in(shard), info_.tokens, info_.token_width};
}

void LatentShards::save(int64_t shard, const torch::Tensor& moments) const {
  save_safetensors(file(shard), {{kMoments, moments.to(type())}}, {{kCacheKey, id_}, {kShardKey, std::to_string(shard)}});
}

void LatentShards::save_texts(int64_t shard, std::span<const std::string> prompts, const torch::Tensor& hidden_states) const {
  const std::string list = Json(std::vector<std::string>(prompts.begin(), prompts.end())).dump();
  save_safetensors(text_file(shard), {{kHiddenStates, hidden_states.to(type())}},
                   {{kCacheKey, id_}, {kShardKey, std::to_string(shard)}, {kPromptsKey, list}});
}

torch::Tensor LatentShards::load(int64_t shard) const {
  const Safetensors content = load_safetensors(file(shard));
  check_origin(content, id_, shard, file(shard));
  return only_tensor(content, kMoments, latent_sizes(shard), type(), file(shard));
}

TextShard LatentShards::load_texts(int64_t shard) const {
  const fs::path path = text_file(shard);
  const Safetensors content = load_safetensors(path);
  check_origin(content, id_, shard, path);
  TextShard texts{{}, only_tensor(content, kHiddenStates, text_sizes(shard), type(), path)};
  const Json list = parse_json(value_at(content, kPromptsKey), path.string());
  if (!list.is_array() || static_cast<int64_t>(list.size()) != info_.prompts_in(shard))
    reject("{}: {} must list {} prompts", path.string(), kPromptsKey, info_.prompts_in(shard));
  for (const Json& prompt : list) {
    if (!prompt.is_string()) reject("{}: {} holds {}; expected a text", path.string(), kPromptsKey, prompt.dump());
    texts.prompts.push_back(prompt.get<std::string>());
  }
  return texts;
}

void LatentShards::remove_leftovers() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if ((name.starts_with(".latents-") || name.starts_with(".text-")) && name.find(".tmp") != std::string::npos)
      fs::remove(entry.path(), ignored);
  }
}

}  // namespace defound

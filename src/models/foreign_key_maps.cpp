#include <array>
#include <regex>

#include "defound/core/error.h"
#include "defound/models/key_maps.h"

namespace defound {
namespace {

using Renames = std::vector<std::pair<std::string, std::string>>;

/// At the beginning of a name, of both generations of transformers (5, and before).
const Renames kTransformersStarts = {{"embeddings.cls_token", "cls_token"}, {"embeddings.position_embeddings", "pos_embed"},
                                     {"embeddings.patch_embeddings.projection.", "patch_embed.proj."}, {"layernorm.", "norm."}, {"layers.", "blocks."},
                                     {"encoder.layer.", "blocks."}, {"decoder.decoder_layers.", "decoder_blocks."}, {"decoder.", ""}, {"classifier.", "head."}};
/// Inside a block's name; the first that fits.
const Renames kTransformersParts = {{".layernorm_before.", ".norm1."}, {".layernorm_after.", ".norm2."}, {".attention.o_proj.", ".attn.proj."},
                                    {".attention.output.dense.", ".attn.proj."}, {".intermediate.dense.", ".mlp.fc1."}, {".output.dense.", ".mlp.fc2."}};
/// The parts of a packed qkv, in its order.
constexpr std::array<std::array<const char*, 3>, 2> kTransformersQkv = {
    {{".attention.q_proj.", ".attention.k_proj.", ".attention.v_proj."}, {".attention.attention.query.", ".attention.attention.key.", ".attention.attention.value."}}};

std::string replaced(std::string name, const std::string& from, const std::string& to) {
  const size_t at = name.find(from);
  return at == std::string::npos ? name : name.replace(at, from.size(), to);
}

std::string mae_name(std::string name) {
  if (name.starts_with("vit.")) name = name.substr(4);
  for (const auto& [from, to] : kTransformersStarts)
    if (name.starts_with(from)) {
      name = to + name.substr(from.size());
      break;
    }
  for (const auto& [from, to] : kTransformersParts)
    if (name.find(from) != std::string::npos) return replaced(name, from, to);
  return name;
}

}  // namespace

TensorMap from_transformers_names(const TensorMap& weights, const std::string& origin) {
  TensorMap renamed;
  const auto part = [&](const std::string& name) {
    const auto found = weights.find(name);
    if (found == weights.end()) reject("{} has no {}, only others of its query, key and value", origin, name);
    return found->second;
  };
  const auto add = [&](const std::string& name, const torch::Tensor& tensor) {
    if (!renamed.emplace(name, tensor).second) reject("{}: two tensors would be called {}", origin, name);
  };
  for (const auto& [name, tensor] : weights) {
    bool packed = false;
    for (const auto& [query, key, value] : kTransformersQkv) {
      if (name.find(query) != std::string::npos)
        add(mae_name(replaced(name, query, ".attn.qkv.")), torch::cat({tensor, part(replaced(name, query, key)), part(replaced(name, query, value))}));
      packed = packed || name.find(query) != std::string::npos || name.find(key) != std::string::npos || name.find(value) != std::string::npos;
    }
    if (!packed) add(mae_name(name), tensor);
  }
  return renamed;
}

TensorMap timm_from_dinov2_names(const TensorMap& weights, const std::string& origin) {
  static const std::regex chunked("blocks\\.[0-9]+\\.([0-9]+\\..*)");   // blocks in groups, as they are trained in pieces
  TensorMap renamed;
  for (const auto& [name, tensor] : weights)
    if (name != "mask_token") renamed[std::regex_replace(name == "register_tokens" ? "reg_token" : name, chunked, "blocks.$1")] = tensor;
  if (!weights.contains("register_tokens")) return renamed;
  // With registers timm adds positions to patches only: the class token takes its own into itself.
  for (const char* name : {"pos_embed", "cls_token"})
    if (!renamed.contains(name) || renamed[name].dim() != 3 || renamed[name].size(1) < 1) reject("{} has no {}", origin, name);
  renamed["cls_token"] = renamed["cls_token"] + renamed["pos_embed"].slice(1, 0, 1);
  renamed["pos_embed"] = renamed["pos_embed"].slice(1, 1);
  return renamed;
}

}  // namespace defound

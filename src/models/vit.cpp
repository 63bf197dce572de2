#include "defound/models/vit.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/kernels/gelu_bf16.h"
#include "defound/nn/attend.h"
#include "defound/nn/init_weights.h"
#include "defound/nn/patches.h"

namespace defound {

PatchEmbed::Projection::Projection(int64_t patch_size, int64_t in_chans, int64_t embed_dim, torch::Device device)
    : weight(register_parameter("weight", torch::empty({embed_dim, in_chans, patch_size, patch_size}, device))),
      bias(register_parameter("bias", torch::empty({embed_dim}, device))) {}

PatchEmbed::PatchEmbed(int64_t patch_size, int64_t in_chans, int64_t embed_dim, torch::Device device)
    : proj(register_module("proj", std::make_shared<Projection>(patch_size, in_chans, embed_dim, device))) {}

torch::Tensor PatchEmbed::forward(const torch::Tensor& patches) const {
  const torch::Tensor weight = proj->weight.permute({0, 2, 3, 1}).flatten(1);   // [D, P*P*C], the order of patchify
  return torch::linear(patches.to(weight.scalar_type()), weight, proj->bias);
}

VitAttention::VitAttention(int64_t width, int64_t num_heads, torch::Device device)
    : num_heads(num_heads), qkv(register_module("qkv", std::make_shared<Linear>(width, 3 * width, true, device))),
      proj(register_module("proj", std::make_shared<Linear>(width, width, true, device))) {}

torch::Tensor VitAttention::forward(const torch::Tensor& x) { return proj->forward(attend_packed(qkv->forward(x), num_heads)); }

VitMlp::VitMlp(int64_t width, int64_t hidden, torch::Device device)
    : fc1(register_module("fc1", std::make_shared<Linear>(width, hidden, true, device))),
      fc2(register_module("fc2", std::make_shared<Linear>(hidden, width, true, device))) {}

torch::Tensor VitMlp::forward(const torch::Tensor& x) { return fc2->forward(defound::gelu(fc1->forward(x))); }

VitBlock::VitBlock(int64_t width, int64_t num_heads, double mlp_ratio, double drop_path_rate, std::string layer, torch::Device device)
    : drop_path_rate(drop_path_rate),
      layer(std::move(layer)),
      norm1(register_module("norm1", std::make_shared<LayerNorm>(width, kVitEpsilon, device))),
      attn(register_module("attn", std::make_shared<VitAttention>(width, num_heads, device))),
      norm2(register_module("norm2", std::make_shared<LayerNorm>(width, kVitEpsilon, device))),
      mlp(register_module("mlp", std::make_shared<VitMlp>(width, static_cast<int64_t>(static_cast<double>(width) * mlp_ratio), device))) {}

torch::Tensor VitBlock::forward(const torch::Tensor& x, const RowDraws* rows) {
  const auto dropped = [&](const torch::Tensor& branch, const char* which) { return rows ? drop_path(branch, drop_path_rate, *rows, layer + which) : branch; };
  const torch::Tensor attended = x + dropped(attn->forward(norm1->forward(x)), ".attn");
  return attended + dropped(mlp->forward(norm2->forward(attended)), ".mlp");
}

VitBlocks::VitBlocks(int64_t depth, int64_t width, int64_t num_heads, double mlp_ratio, double drop_path_rate, torch::Device device) {
  for (int64_t i = 0; i < depth; ++i) {
    const double rate = depth > 1 ? drop_path_rate * static_cast<double>(i) / static_cast<double>(depth - 1) : 0.0;
    const std::string index = std::to_string(i);
    list.push_back(register_module(index, std::make_shared<VitBlock>(width, num_heads, mlp_ratio, rate, index, device)));
  }
}

torch::Tensor VitBlocks::forward(torch::Tensor x, const RowDraws* rows) {
  for (const auto& block : list) x = block->forward(x, rows);
  return x;
}

VisionTransformer::VisionTransformer(const VitConfig& c, torch::Device device)
    : config((c.check(), c)),
      cls_token(register_parameter("cls_token", torch::empty({1, 1, c.embed_dim}, device))),
      pos_embed(register_parameter("pos_embed", torch::empty({1, 1 + c.grid_size() * c.grid_size(), c.embed_dim}, device))),
      patch_embed(register_module("patch_embed", std::make_shared<PatchEmbed>(c.patch_size, c.in_chans, c.embed_dim, device))),
      blocks(register_module("blocks", std::make_shared<VitBlocks>(c.depth, c.embed_dim, c.num_heads, c.mlp_ratio, c.drop_path_rate, device))) {
  if (config.global_pool == "avg") fc_norm = register_module("fc_norm", std::make_shared<LayerNorm>(c.embed_dim, kVitEpsilon, device));
  else norm = register_module("norm", std::make_shared<LayerNorm>(c.embed_dim, kVitEpsilon, device));
  head = register_module("head", std::make_shared<Linear>(c.embed_dim, c.num_classes, true, device));
}

void VisionTransformer::init_weights(const Draws& draws) {
  const torch::NoGradGuard no_grad;
  const double patch_bound = 1.0 / std::sqrt(static_cast<double>(config.in_chans * config.patch_size * config.patch_size));
  for (const auto& item : named_parameters()) {
    const std::string& name = item.key();
    const Draws own = draws.purpose(name);
    if (name.starts_with("patch_embed.")) fill_uniform(item.value(), patch_bound, own);   // a convolution's default
    else if (name == "cls_token") fill_normal(item.value(), 1e-6, own);
    else if (name == "head.weight") fill_normal(item.value(), 2e-5, own);
    else if (item.value().dim() > 1) fill_normal(item.value(), 0.02, own);
    else item.value().fill_(name.ends_with(".weight") ? 1.0 : 0.0);
  }
}

torch::Tensor VisionTransformer::forward_features(const torch::Tensor& images, const RowDraws* rows) {
  if (images.dim() != 4 || images.size(1) != config.in_chans || images.size(2) != config.img_size || images.size(3) != config.img_size)
    fail("the model takes images [N, {}, {}, {}]", config.in_chans, config.img_size, config.img_size);
  const torch::Tensor patches = patch_embed->forward(patchify(images, config.patch_size));   // [N, L, D]
  torch::Tensor x = torch::cat({cls_token.expand({images.size(0), -1, -1}), patches}, 1) + pos_embed;   // [N, 1+L, D]
  x = blocks->forward(x, rows);
  return norm ? norm->forward(x) : x;
}

torch::Tensor VisionTransformer::forward_head(const torch::Tensor& tokens, bool pre_logits) {
  const torch::Tensor pooled = fc_norm ? fc_norm->forward(tokens.slice(1, 1).mean(1)) : tokens.select(1, 0);   // [N, D]
  return pre_logits ? pooled : head->forward(pooled);
}

torch::Tensor VisionTransformer::forward(const torch::Tensor& images, const RowDraws* rows) { return forward_head(forward_features(images, rows)); }

}  // namespace defound

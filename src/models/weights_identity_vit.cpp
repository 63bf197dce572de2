#include <fmt/ranges.h>

#include <array>
#include <cmath>

#include "weights_shapes.h"

namespace defound {
namespace {

/// The sizes that have a letter, with the number of heads that their programs use.
struct NamedVit {
  const char* letter;
  int64_t width, depth, heads;
};
constexpr std::array kNamedVits = {NamedVit{"Ti", 192, 12, 3}, NamedVit{"S", 384, 12, 6}, NamedVit{"B", 768, 12, 12}, NamedVit{"L", 1024, 24, 16}, NamedVit{"H", 1280, 32, 16}};

const NamedVit* named_vit(int64_t width, int64_t depth) {
  for (const NamedVit& vit : kNamedVits)
    if (vit.width == width && vit.depth == depth) return &vit;
  return nullptr;
}

/// "ViT-L/16", or "ViT/4 (width 24, depth 2)".
std::string vit_text(int64_t width, int64_t depth, int64_t patch) {
  if (const NamedVit* vit = named_vit(width, depth)) return fmt::format("ViT-{}/{}", vit->letter, patch);
  return fmt::format("ViT/{} (width {}, depth {})", patch, width, depth);
}

int64_t square_side(int64_t number) {
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(number))));
  return number > 0 && side * side == number ? side : 0;
}

/// What is common to all of them; `position_rows` includes the class token's row where there is one.
Json common_sizes(int64_t width, int64_t depth, int64_t patch, int64_t channels, int64_t position_rows) {
  Json sizes = Json::object();
  const int64_t side = square_side(position_rows - 1) > 0 ? square_side(position_rows - 1) : square_side(position_rows);
  if (side > 0) sizes["image_size"] = side * patch;
  sizes["patch_size"] = patch, sizes["in_chans"] = channels, sizes["width"] = width, sizes["depth"] = depth;
  if (const NamedVit* vit = named_vit(width, depth)) sizes["heads"] = vit->heads;
  return sizes;
}

Json vit_sizes(const WeightsShapes& shapes) {
  const std::string patches = "patch_embed.proj.weight";
  const int64_t registers = std::max(shapes.size("reg_token", 1), shapes.size("register_tokens", 1));
  Json sizes = common_sizes(shapes.size(patches, 0), shapes.count("blocks.", ".attn.qkv.weight"), shapes.size(patches, 2), shapes.size(patches, 1), shapes.size("pos_embed", 1));
  if (const auto hidden = shapes.first("blocks.", ".mlp.fc1.weight")) sizes["mlp_hidden"] = shapes.size(*hidden, 0);
  if (registers > 0) sizes["register_tokens"] = registers;
  if (shapes.has("decoder_embed.weight")) {
    sizes["decoder_width"] = shapes.size("decoder_embed.weight", 0);
    sizes["decoder_depth"] = shapes.count("decoder_blocks.", ".attn.qkv.weight");
  }
  for (const char* head : {"head.weight", "head.1.weight"})
    if (shapes.has(head)) sizes["classes"] = shapes.size(head, 0);
  const bool norm = shapes.has("norm.weight"), fc_norm = shapes.has("fc_norm.weight");
  sizes["pooling"] = norm && fc_norm ? "both norm and fc_norm are there" : fc_norm ? "average (fc_norm)" : norm ? "class token (norm)" : "no last norm";
  return sizes;
}

/// Names that none of our vision transformers has: relative positions, q_norm, ...
void note_other_names(const WeightsShapes& shapes, WeightsIdentity& identity) {
  constexpr std::array kTop = {"cls_token", "pos_embed", "patch_embed.proj.", "norm.", "fc_norm.", "head.", "mask_token", "decoder_", "reg_token",
                               "register_tokens"};
  constexpr std::array kInBlock = {".norm1.", ".attn.qkv.", ".attn.proj.", ".norm2.", ".mlp.fc1.", ".mlp.fc2.", ".ls1.gamma", ".ls2.gamma"};
  std::vector<std::string> others;
  for (const std::string& name : shapes.names()) {
    const bool known = name.starts_with("blocks.")
                           ? std::any_of(kInBlock.begin(), kInBlock.end(), [&](const char* part) { return name.find(part) != std::string::npos; })
                           : std::any_of(kTop.begin(), kTop.end(), [&](const char* start) { return name.starts_with(start); });
    if (!known) others.push_back(name);
  }
  if (others.empty()) return;
  const size_t count = others.size();
  if (count > 3) others.resize(3);
  identity.notes.push_back(fmt::format("{} names are of no vision transformer known here: {}{}", count, fmt::join(others, ", "), count > 3 ? ", ..." : ""));
}

void describe_dinov2(WeightsIdentity& identity, const std::string& vit) {
  const Json& sizes = identity.sizes;
  const int64_t registers = sizes.value("register_tokens", 0);
  identity.kind = WeightsKind::kDinoV2;
  identity.what = fmt::format("DINOv2 {} {}{}", vit, sizes.contains("classes") ? fmt::format("with a head of {} classes", sizes["classes"].get<int64_t>()) : "encoder",
                              registers > 0 ? fmt::format(", {} register tokens", registers) : "");
  if (vit == "ViT-L/14" && registers == 0) identity.what += " (RETFound DINOv2 and DINOv2's own have these shapes)";
  for (const char* use : {"pretraining", "fine-tuning", "evaluation"})
    identity.uses.emplace_back(use, "not supported: layer scale (ls1, ls2) is not part of this program's vision transformer");
  identity.uses.emplace_back("Python", fmt::format("defound-weights convert --to timm, then timm's vit_*_patch14{}_dinov2", registers > 0 ? "_reg4" : ""));
}

void describe_mae(WeightsIdentity& identity, const std::string& vit, bool decoder) {
  identity.kind = decoder ? WeightsKind::kMae : WeightsKind::kEncoder;
  identity.what = decoder ? fmt::format("MAE {} with decoder", vit) : fmt::format("MAE {} encoder without decoder", vit);
  identity.uses = {{"pretraining", decoder ? "ready: defound-pretrain --init" : "no decoder: pretraining can go on with --init_decoder random"},
                   {"fine-tuning", decoder ? "ready: defound-finetune --init (the decoder is left out, the head starts new)"
                                           : "ready: defound-finetune --init (the head starts new)"},
                   {"evaluation", "no head: fine-tune first"}};
  if (!decoder) identity.notes.push_back("a timm model made with num_classes=0 has the same names");
  if (vit == "ViT-L/16")
    identity.notes.push_back("MAE's ImageNet weights, RETFound's and RETFound-DE's pretraining have the same names and shapes: these do not tell which it is");
}

void describe_classifier(const WeightsShapes& shapes, WeightsIdentity& identity, const std::string& vit) {
  const bool average = shapes.has("fc_norm.weight"), probe = shapes.has("head.1.weight");
  const auto classes = identity.sizes["classes"].get<int64_t>();
  identity.kind = WeightsKind::kClassifier;
  identity.what = probe     ? fmt::format("linear probe (MAE's main_linprobe.py) on {}, {} classes", vit, classes)
                  : average ? fmt::format("fine-tuned {} as of RETFound and MAE, {} classes", vit, classes)
                            : fmt::format("timm {} classifier, {} classes", vit, classes);
  const bool ours = !shapes.metadata("defound.classes").empty();
  const bool lacks_norm = average && !shapes.has("norm.weight");
  identity.uses = {{"pretraining", lacks_norm ? "no decoder and no norm: convert --to mae --global_pool token, then --init_decoder random"
                                              : "no decoder: pretraining can go on with --init_decoder random (the head is left out)"},
                   {"fine-tuning", "ready: defound-finetune --init (the head starts new)"},
                   {"evaluation", probe ? "not supported: the head begins with a BatchNorm"
                                  : fmt::format("head of {} classes present{}", classes,
                                                ours ? ": defound-evaluate --model" : ", but no class names and input size, as a file of defound-finetune has")}};
  if (average) identity.notes.push_back("timm: global_pool='avg' has the same names and computes the same");
}

}  // namespace

std::optional<WeightsIdentity> identify_vit(const WeightsShapes& shapes) {
  if (shapes.size("patch_embed.proj.weight", 3) == 0 || shapes.size("cls_token", 2) == 0 || shapes.count("blocks.", ".attn.qkv.weight") == 0) return std::nullopt;
  WeightsIdentity identity{.names = "MAE / timm", .sizes = vit_sizes(shapes)};
  const std::string vit = vit_text(identity.sizes["width"], identity.sizes["depth"], identity.sizes["patch_size"]);
  if (shapes.count("blocks.", ".ls1.gamma") > 0) describe_dinov2(identity, vit);
  else if (identity.sizes.contains("decoder_width")) describe_mae(identity, vit, true);
  else if (identity.sizes.contains("classes")) describe_classifier(shapes, identity, vit);
  else describe_mae(identity, vit, false);
  note_other_names(shapes, identity);
  if (!shapes.metadata("defound.model").empty()) identity.notes.push_back("written by defound (" + shapes.metadata("defound.model") + ")");
  return identity;
}

std::optional<WeightsIdentity> identify_transformers_vit(const WeightsShapes& shapes) {
  for (const std::string base : {"vit.", ""}) {
    const std::string patches = base + "embeddings.patch_embeddings.projection.weight";
    if (shapes.size(patches, 3) == 0) continue;
    // layers.0.attention.q_proj since transformers 5, encoder.layer.0.attention.attention.query before
    const int64_t depth = shapes.count(base + "layers.", ".q_proj.weight") + shapes.count(base + "encoder.layer.", ".query.weight");
    WeightsIdentity identity{.kind = WeightsKind::kTransformersVit, .names = "transformers"};
    identity.sizes = common_sizes(shapes.size(patches, 0), depth, shapes.size(patches, 2), shapes.size(patches, 1), shapes.size(base + "embeddings.position_embeddings", 1));
    const bool decoder = shapes.any_begins("decoder.decoder_layers.");
    if (shapes.has("classifier.weight")) identity.sizes["classes"] = shapes.size("classifier.weight", 0);
    identity.what = fmt::format("{} {} under transformers' names{}", decoder ? "MAE" : "vision transformer", vit_text(shapes.size(patches, 0), depth, shapes.size(patches, 2)),
                                decoder ? ", with decoder" : "");
    identity.uses = {{"pretraining, fine-tuning", "defound-weights convert --to mae first"}};
    return identity;
  }
  return std::nullopt;
}

}  // namespace defound

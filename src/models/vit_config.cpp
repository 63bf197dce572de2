#include <map>
#include <regex>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/models/vit.h"

namespace defound {

void VitConfig::visit(Visitor& v) {
  v(field("img_size", "side of the square image in pixels").range(1, 65536), img_size);
  v(field("patch_size", "side of a patch in pixels").range(1, 1024), patch_size);
  v(field("in_chans", "channels of the image").range(1, 64), in_chans);
  v(field("embed_dim", "width").range(1, 65536), embed_dim);
  v(field("depth", "number of blocks").range(1, 1024), depth);
  v(field("num_heads", "attention heads").range(1, 1024), num_heads);
  v(field("mlp_ratio", "hidden width of the MLP / width").range(0.01, 64), mlp_ratio);
  v(field("num_classes", "classes").range(1, 1e7), num_classes);
  v(field("drop_path_rate", "stochastic depth of the last block").range(0, 0.999), drop_path_rate);
  v(field("global_pool", "token or avg").one_of({"token", "avg"}), global_pool);
}

void VitConfig::check() const {
  if (img_size % patch_size != 0) reject("input_size {} is no multiple of the patch size {}", img_size, patch_size);
  if (embed_dim % num_heads != 0) reject("embed_dim {} is no multiple of num_heads {}", embed_dim, num_heads);
}

const std::vector<std::string>& vit_names() {
  static const std::vector<std::string> names = {"tiny", "small", "base", "large", "huge", "vit_base_patch16", "vit_large_patch16", "vit_huge_patch14",
                                                 "vit_tiny_patch16_224", "vit_small_patch16_224", "vit_base_patch16_224", "vit_base_patch16_384",
                                                 "vit_base_patch8_224", "vit_large_patch16_224", "vit_large_patch16_384", "vit_huge_patch14_224"};
  return names;
}

VitConfig vit_config(const std::string& name) {
  struct Size { int64_t embed_dim, depth, num_heads; };
  static const std::map<std::string, Size> sizes = {
      {"tiny", {192, 12, 3}}, {"small", {384, 12, 6}}, {"base", {768, 12, 12}}, {"large", {1024, 24, 16}}, {"huge", {1280, 32, 16}}};
  static const std::regex pattern("(tiny|small|base|large|huge)|vit_(tiny|small|base|large|huge)_patch([1-9][0-9]{0,2})(_([1-9][0-9]{0,3}))?");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) {
    const std::string near = nearest(name, vit_names());
    reject("model '{}' is not known{}; for example tiny, vit_large_patch16, vit_base_patch16_224", name, near.empty() ? "" : "; did you mean " + near + "?");
  }
  const Size size = sizes.at(match[1].matched ? match[1].str() : match[2].str());
  VitConfig config;
  config.embed_dim = size.embed_dim, config.depth = size.depth, config.num_heads = size.num_heads;
  if (match[1] == "huge") config.patch_size = 14;
  if (match[3].matched) config.patch_size = std::stoll(match[3]);
  if (match[5].matched) config.img_size = std::stoll(match[5]);
  config.check();
  return config;
}

}  // namespace defound

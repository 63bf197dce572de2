#include <map>
#include <regex>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/models/mae.h"

namespace defound {

void MaeConfig::visit(Visitor& v) {
  v(field("img_size", "side of the square image in pixels").range(1, 65536), img_size);
  v(field("patch_size", "side of a patch in pixels").range(1, 1024), patch_size);
  v(field("in_chans", "channels of the image").range(1, 64), in_chans);
  v(field("embed_dim", "width of the encoder").range(1, 65536), embed_dim);
  v(field("depth", "blocks of the encoder").range(1, 1024), depth);
  v(field("num_heads", "attention heads of the encoder").range(1, 1024), num_heads);
  v(field("decoder_embed_dim", "width of the decoder").range(1, 65536), decoder_embed_dim);
  v(field("decoder_depth", "blocks of the decoder").range(1, 1024), decoder_depth);
  v(field("decoder_num_heads", "attention heads of the decoder").range(1, 1024), decoder_num_heads);
  v(field("mlp_ratio", "hidden width of the MLP / width").range(0.01, 64), mlp_ratio);
  v(field("norm_pix_loss", "compare with pixels normalised within each patch"), norm_pix_loss);
}

void MaeConfig::check() const {
  if (img_size % patch_size != 0) reject("input_size {} is no multiple of the patch size {}", img_size, patch_size);
  if (embed_dim % num_heads != 0) reject("embed_dim {} is no multiple of num_heads {}", embed_dim, num_heads);
  if (decoder_embed_dim % decoder_num_heads != 0) reject("decoder_embed_dim {} is no multiple of decoder_num_heads {}", decoder_embed_dim, decoder_num_heads);
}

const std::vector<std::string>& mae_names() {
  static const std::vector<std::string> names = {"tiny", "small", "base", "large", "huge",
                                                 "mae_vit_base_patch16", "mae_vit_large_patch16", "mae_vit_huge_patch14"};
  return names;
}

MaeConfig mae_config(const std::string& name) {
  struct Size { int64_t embed_dim, depth, num_heads, decoder_embed_dim, decoder_depth, decoder_num_heads; };
  static const std::map<std::string, Size> sizes = {{"tiny", {192, 12, 3, 128, 4, 4}}, {"small", {384, 12, 6, 256, 4, 8}},
                                                    {"base", {768, 12, 12, 512, 8, 16}}, {"large", {1024, 24, 16, 512, 8, 16}},
                                                    {"huge", {1280, 32, 16, 512, 8, 16}}};
  static const std::regex pattern("(tiny|small|base|large|huge)|mae_vit_(tiny|small|base|large|huge)_patch([1-9][0-9]{0,2})(_dec512d8b)?");
  std::smatch match;
  if (!std::regex_match(name, match, pattern)) {
    const std::string near = nearest(name, mae_names());
    reject("model '{}' is not known{}; for example tiny, mae_vit_base_patch16, mae_vit_large_patch16", name, near.empty() ? "" : "; did you mean " + near + "?");
  }
  const Size size = sizes.at(match[1].matched ? match[1].str() : match[2].str());
  MaeConfig config;
  config.embed_dim = size.embed_dim, config.depth = size.depth, config.num_heads = size.num_heads;
  config.decoder_embed_dim = size.decoder_embed_dim, config.decoder_depth = size.decoder_depth, config.decoder_num_heads = size.decoder_num_heads;
  if (match[1] == "huge") config.patch_size = 14;
  if (match[3].matched) config.patch_size = std::stoll(match[3]);
  return config;
}

}  // namespace defound

#pragma once
#include <string>

#include "defound/config/visit.h"

namespace defound {

struct WeightsConvertConfig : Config {
  std::string file;
  std::string to;
  std::string output;
  bool overwrite = false;
  bool drop_head = false;
  bool drop_decoder = false;
  int64_t num_classes = 0;
  std::string global_pool = "auto";
  int64_t input_size = 0;
  std::string interpolation = "mae";
  int64_t seed = 0;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Writes the weights as another program names them, as .safetensors or .pth by the ending of `output`; returns what was
/// written and every change that is more than a name. Metadata goes along where names and shapes stay. An original single
/// file of Stable Diffusion 1.x (tokenizer/ beside it) becomes diffusers' folder, in fp32. Rejects (exit 2)
/// an output that is there already, without `overwrite`, and what cannot be converted.
std::string weights_convert(WeightsConvertConfig& config);

}  // namespace defound

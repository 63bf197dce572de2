#pragma once
#include <string>
#include <vector>

#include "defound/config/visit.h"

namespace defound {

struct WeightsMergeConfig : Config {
  std::string base;
  std::vector<std::string> lora;
  std::string output;
  bool overwrite = false;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Adds LoRA adapters to the weights that they change, so that no adapter is needed any more: `base` is a generator folder
/// (the output is one too, and knows the adapters' labels and ancestry) or a file of UNet weights (the output is a
/// .safetensors file of the same types). Returns what was written. Rejects (exit 2) an output that is there already, without
/// `overwrite`, and adapters of another model.
std::string weights_merge(WeightsMergeConfig& config);

}  // namespace defound

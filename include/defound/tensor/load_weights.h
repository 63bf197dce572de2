#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/tensor/safetensors.h"

namespace defound {

/// Parameters and buffers by name ("blocks.0.attn.qkv.weight"); they share memory with the module.
TensorMap state_dict(const torch::nn::Module& module);

/// Exceptions to strict loading, as prefixes of names.
struct LoadRules {
  std::vector<std::string> missing_ok;   ///< the module keeps what it has
  std::vector<std::string> surplus_ok;   ///< the file's tensor is not used
  std::string cause = {};                ///< why the rest does not fit, where the caller knows; empty: guessed from the names
};

/// Copies `weights` into the module's parameters and buffers, converting the number type. Every name that is missing,
/// left over or of another shape, and in no rule, is rejected (exit 2): the message names `origin`, the first of each
/// kind and a likely cause. Nothing is copied then.
void load_weights(torch::nn::Module& module, const TensorMap& weights, const LoadRules& rules, const std::string& origin);

/// Whether `name` begins with one of the prefixes.
bool has_prefix(const std::string& name, const std::vector<std::string>& prefixes);

}  // namespace defound

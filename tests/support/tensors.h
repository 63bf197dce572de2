#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <string>

#include "defound/tensor/safetensors.h"

namespace defound::testing {

/// Largest difference relative to the largest magnitude expected; infinite when the shapes differ.
inline double relative_error(const torch::Tensor& found, const torch::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  const torch::Tensor a = found.detach().to(torch::kFloat64), b = expected.detach().to(torch::kFloat64);
  return (a - b).abs().max().item<double>() / std::max(1e-300, b.abs().max().item<double>());
}

/// tests/goldens/NAME, made by scripts/goldens from the Python packages.
inline TensorMap golden(const std::string& name) { return load_safetensors(std::filesystem::path(DEFOUND_GOLDENS) / name).tensors; }

/// The tensors below "prefix/", without it.
inline TensorMap below(const TensorMap& tensors, const std::string& prefix) {
  TensorMap found;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix + "/")) found[name.substr(prefix.size() + 1)] = tensor;
  return found;
}

}  // namespace defound::testing

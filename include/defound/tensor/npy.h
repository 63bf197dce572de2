#pragma once
#include <torch/torch.h>

#include "defound/core/files.h"

namespace defound {

/// The array of a .npy file as a dense tensor on the CPU; Fortran order is turned into C order. Rejects (exit 2) what
/// parse_npy_header rejects, and a bool that is neither 0 nor 1. No more memory is taken than the file has bytes.
torch::Tensor load_npy(const fs::path& path);

/// Writes a tensor as numpy.save does (version 1.0, C order), published whole. Fails (exit 1) for a type that numpy
/// lacks (bf16): convert it first.
void save_npy(const fs::path& path, const torch::Tensor& tensor);

}  // namespace defound

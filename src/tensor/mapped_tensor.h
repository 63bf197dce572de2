#pragma once
#include <torch/torch.h>

#include <memory>
#include <string>

#include "defound/core/mapped_file.h"

namespace defound {

/// The dense tensor whose bytes begin at `begin` of the file, as a view that keeps the file mapped; a copy where it does
/// not stand on a multiple of its element's size. The caller has checked that the bytes lie in the file.
torch::Tensor mapped_tensor(const std::shared_ptr<MappedFile>& file, uint64_t begin, torch::IntArrayRef sizes, torch::Dtype dtype);

/// Rejects bools other than 0 and 1, which are undefined behavior; `where` names the tensor.
void check_mapped_bools(const std::shared_ptr<MappedFile>& file, uint64_t begin, uint64_t end, const std::string& where);

}  // namespace defound

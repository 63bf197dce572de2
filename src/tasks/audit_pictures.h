#pragma once
#include <torch/torch.h>

#include "defound/core/files.h"
#include "defound/data/image_table.h"

namespace defound {

/// The images of a table as small gray squares for the copy search, [N, 96, 96] uint8: kept in `file`, of which only what
/// is in use is in memory. The file must stay for as long as the tensor lives.
torch::Tensor gray_pictures(const ImageTable& table, const fs::path& file, int64_t num_workers);

}  // namespace defound

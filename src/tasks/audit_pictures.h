#pragma once
#include <torch/torch.h>

#include "defound/core/files.h"
#include "defound/data/image_table.h"

namespace defound {

/// The images of a table as small gray squares for the copy search, [N, 96, 96] uint8, showing no more than `detail` x
/// `detail` pixels of them: kept in `file`, of which only what is in use is in memory. The file must stay for as long as the
/// tensor lives.
torch::Tensor gray_pictures(const ImageTable& table, const fs::path& file, int64_t num_workers, int64_t detail);

/// Pixels along the shorter side of a table's images (the median of 64 of them), at most the 96 that pictures have.
/// Images are compared at the detail of those that have less, or a copy of few pixels is unlike what it was copied from.
int64_t picture_detail(const ImageTable& table);

}  // namespace defound

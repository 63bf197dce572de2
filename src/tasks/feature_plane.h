#pragma once
#include <torch/torch.h>

#include "defound/data/image_table.h"
#include "defound/run/report.h"

namespace defound {

/// A picture of the features [N, D] on their first two principal components, colored by class. Row n belongs to row n
/// of the table. At most 3,000 images are drawn, evenly spaced over the rows.
void add_feature_plane(Report& report, const ImageTable& table, const torch::Tensor& features);

}  // namespace defound

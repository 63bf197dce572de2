#pragma once
#include <torch/torch.h>

namespace defound {

/// Where queries fit into references, and how well.
struct CopyAlignment {
  torch::Tensor windows;      ///< [N, 4]: left, top, width, height, as CopyWindow has them
  torch::Tensor similarity;   ///< [N], at most 1; 0 where less than 60 % of the query lies in the reference
};

/// Moves and scales the windows [N, 4] so that each query [N, 96, 96] correlates best with that part of its reference
/// [N, 96, 96] (gray, 0..1): Gauss-Newton steps on the normalized difference of local contrast (Evangelidis and Psarakis,
/// "Parametric image alignment using enhanced correlation coefficient maximization", PAMI 2008), first on 24, then on 48
/// pixels. The similarity is taken on 64, over what both show: the correlation c of local contrast under smoothings by 1, 2 and 3
/// pixels, as the greatest of c, 1 - 1.6 (1 - c) and 1 - 2.3 (1 - c), or, if that is more, 1 - d / 0.04 with the root mean square
/// difference d of the pixels. All on the tensors' device.
CopyAlignment align_copies(const torch::Tensor& queries, const torch::Tensor& references, const torch::Tensor& windows);

}  // namespace defound

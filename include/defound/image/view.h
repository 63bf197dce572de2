#pragma once
#include <string>
#include <vector>

namespace defound {

/// One of several looks at the same image.
struct View {
  double left = 0, top = 0, share = 1;   ///< a part with `share` of each side; the rest in shares of the sides
  bool mirrored = false;
};

/// The views that test-time augmentation averages over:
///   none   the whole image
///   flip   and its mirror image
///   crops  and nine crops with 80 % of each side, at the corners, edges and the center, each mirrored too: 20 views,
///          a finer grid than the ten crops of Krizhevsky et al. 2012, section 4.1
/// The order is fixed. Rejects (exit 2) another name.
std::vector<View> test_views(const std::string& tta);

}  // namespace defound

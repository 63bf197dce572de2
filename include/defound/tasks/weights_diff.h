#pragma once
#include <string>

#include "defound/config/visit.h"

namespace defound {

struct WeightsDiffConfig : Config {
  std::string a, b;
  double tolerance = 0;
  bool map = false;
  int64_t top = 10;
  bool json = false;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

struct WeightsDiff {
  bool equal = false;
  std::string text;   ///< a table and one line of summary, or one JSON object
};

/// Compares two files: names, shapes, number types, values. Equal at tolerance 0 means bit by bit; above it, the same
/// names, shapes and types and no absolute difference above the tolerance (a value that is not finite equals only itself).
WeightsDiff weights_diff(WeightsDiffConfig& config);

}  // namespace defound

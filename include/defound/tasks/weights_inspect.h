#pragma once
#include <string>

#include "defound/config/visit.h"

namespace defound {

struct WeightsInspectConfig : Config {
  std::string file;
  bool json = false;
  bool keys = false;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// What a file of weights is, from names and shapes: a table, or one JSON object. Values are not looked at. A file that
/// is not known is no error: the text says so and names what its keys begin with.
std::string weights_inspect(WeightsInspectConfig& config);

}  // namespace defound

#pragma once
#include <string>

#include "defound/config/families.h"

namespace defound {

struct DataSplitConfig : Config {
  DataOptions data;
  std::vector<std::string> shares{"0.7", "0.1", "0.2"};
  int64_t seed = 0;
  std::string output;
  bool json = false;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Splits the images of --data into train, val and test by patient, stratified by label; writes a manifest to --output
/// (a .csv, or a folder for manifest.csv) and returns the counts.
std::string data_split(DataSplitConfig& config);

}  // namespace defound

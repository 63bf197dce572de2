#pragma once
#include <string>
#include <vector>

#include "defound/config/visit.h"

namespace defound {

struct DataImportConfig : Config {
  std::string list, train, val, test;
  std::string image_root, suffix;
  std::vector<std::string> classes;
  std::string missing = "fail";
  std::string output;
  std::string log_level = "info";
  void visit(Visitor& v) override;
};

/// Turns DERETFound's split lists (pickled lists of {"img_root": path below the image root, "label": class}) into a
/// manifest and, beside it, classes.json with the order of the labels; returns the counts. Nothing in the files is
/// executed. Rejects (exit 2), naming the file and the entry: what is no such list, labels outside --classes, an image in
/// two splits, and images that are not there (--missing skip: left out, and listed in missing_files.csv).
std::string data_import(DataImportConfig& config);

}  // namespace defound

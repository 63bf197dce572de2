#pragma once
#include <string>
#include <vector>

#include "defound/core/files.h"

namespace defound {

/// One image of a split list.
struct SplitEntry {
  std::string image;    ///< "img_root" as it stands there
  std::string label;    ///< a whole number in digits, or a text
};

/// The entries of a pickled list of dictionaries with "img_root" and "label" (further keys are left alone). Rejects
/// (exit 2) anything else, naming file and entry. Numbers of numpy are read as numbers.
std::vector<SplitEntry> read_split_list(const fs::path& path);

}  // namespace defound

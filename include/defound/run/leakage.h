#pragma once
#include <string>
#include <vector>

#include "defound/run/provenance.h"

namespace defound {

/// Test patients and images that are in the ancestry of a model.
struct Leaks {
  bool checked = false;                  ///< false: the ancestry names nothing, so nothing could be compared
  std::vector<std::string> patients;     ///< sorted, unique
  std::vector<size_t> images;            ///< rows whose file went into the model, ascending
  bool found() const { return !patients.empty() || !images.empty(); }
};

/// Compares the test rows with what went into a model; row i has patients[i] ("" when unknown) and hashes[i].
Leaks find_leaks(const Ancestry& ancestry, const std::vector<std::string>& patients, const std::vector<std::string>& hashes);

/// "3 of 120 test patients (p17, p4, p9) and 5 of 300 test images (a.png, ...) went into the model": at most five
/// examples of each.
std::string describe_leaks(const Leaks& leaks, const std::vector<std::string>& patients, const std::vector<std::string>& paths);

}  // namespace defound

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

/// Compares the test rows with what went into a model; row i has patients[i] ("" when unknown), hashes[i] and, where data
/// sets are stated, datasets[i] (else that list is empty).
///
/// The rule. A file of the same bytes is a leak. A patient of the same name is one, unless both sides state a data set
/// and not the same one: two hospitals may both number their patients 1, 2, ... Where a side states none, equal names
/// count, because nothing else tells the other images of a trained patient (in a manifest of their own, say) from
/// those of a stranger with the same number; a false alarm can be answered, a leak that is passed over cannot.
Leaks find_leaks(const Ancestry& ancestry, const std::vector<std::string>& patients, const std::vector<std::string>& hashes,
                 const std::vector<std::string>& datasets = {});

/// "3 of 120 test patients (p17, p4, p9) and 5 of 300 test images (a.png, ...) went into the model": at most five
/// examples of each.
std::string describe_leaks(const Leaks& leaks, const std::vector<std::string>& patients, const std::vector<std::string>& paths);

}  // namespace defound

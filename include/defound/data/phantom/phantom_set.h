#pragma once
#include <array>
#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/image/image.h"

namespace defound::phantom {

/// What a set of phantoms holds.
struct SetOptions {
  std::string modality = "fundus";     ///< fundus or cxr
  std::vector<std::string> labels;     ///< of known_labels(modality)
  std::vector<int64_t> balance;        ///< relative numbers of images, one for each label; empty: equal
  int64_t count = 0;                   ///< images in all
  int64_t images_per_patient = 2;      ///< at most; each patient has 1 .. that many
  std::array<double, 3> shares{0.7, 0.1, 0.2};   ///< of the images that go to train, val and test
};

/// One image of the set: what the manifest says of it, and what it is drawn from.
struct Row {
  std::string path, label, patient, split;
  uint64_t patient_id = 0, image_id = 0;
  int grade = 0;
};

/// The labels of a modality; a label's place is its grade.
const std::vector<std::string>& known_labels(const std::string& modality);

/// Which patients and images a set has. Each patient has one label and stands in one split (assign_splits); all but
/// labels and splits is drawn without knowing the label. Rejects (exit 2) labels that are unknown or named twice and a balance that does not fit them.
std::vector<Row> plan_set(const SetOptions& options, const Draws& draws);

/// RFC 4180 text with the columns path,label,patient,split.
std::string manifest_text(const std::vector<Row>& rows);

/// The picture of a row.
Image render(const std::string& modality, const Draws& draws, const Row& row, int64_t size);

}  // namespace defound::phantom

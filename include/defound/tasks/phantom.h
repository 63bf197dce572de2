#pragma once
#include "defound/config/visit.h"

namespace defound {

struct PhantomConfig : Config {
  std::string modality = "fundus";
  std::vector<std::string> labels;     ///< empty: no_dr,severe (fundus); no_finding,pneumonia (cxr)
  std::vector<int64_t> balance;
  int64_t count = 1000, size = 256, images_per_patient = 2;
  std::vector<std::string> shares{"0.7", "0.1", "0.2"};
  std::string image_format = "png";
  int64_t seed = 0;
  std::string output;
  int64_t threads = 0;
  std::string log_level = "info";
  bool dry_run = false;
  void visit(Visitor& v) override;
};

/// Draws a labelled set of made-up fundus photographs or chest radiographs and publishes it as one folder: a folder of
/// images for each label, and manifest.csv (path,label,patient,split). The same files for the same seed, whatever the
/// number of threads. Rejects (exit 2) unknown labels and an output folder that is not empty.
void make_phantoms(PhantomConfig& config);

}  // namespace defound

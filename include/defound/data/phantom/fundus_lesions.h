#pragma once
#include "defound/data/phantom/fundus_anatomy.h"

namespace defound::phantom {

/// Signs of diabetic retinopathy. Number and kind follow the grade of the international severity scale (Wilkinson et
/// al., Ophthalmology 110, 2003): 0 none, 1 mild (microaneurysms only), 2 moderate, 3 severe (hemorrhages in all
/// quadrants), 4 proliferative (new vessels, preretinal hemorrhage). Sizes are larger than life, so that they still
/// show at 64 pixels.
struct FundusLesions {
  std::vector<Blob> microaneurysms, hemorrhages, preretinal, exudates, cotton_wool;
  std::vector<Stroke> new_vessels;
  size_t count() const {
    return microaneurysms.size() + hemorrhages.size() + preretinal.size() + exudates.size() + cotton_wool.size() + new_vessels.size();
  }
};

/// Lesions of a patient of that grade (0..4).
FundusLesions draw_fundus_lesions(int grade, const FundusAnatomy& anatomy, RandomStream stream);

}  // namespace defound::phantom

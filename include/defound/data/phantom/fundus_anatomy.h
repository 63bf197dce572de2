#pragma once
#include <array>

#include "defound/data/phantom/vessel_tree.h"

namespace defound::phantom {

using Color = std::array<double, 3>;

/// The back of one eye. The fovea is the origin, the disc lies toward +x, y grows downward; one unit is half the width
/// of a 45-degree photograph.
struct FundusAnatomy {
  Point disc;
  double disc_radius, disc_stretch, disc_angle;
  double cup_share;                 ///< cup radius over disc radius
  double atrophy;                   ///< strength of the pale crescent beside the disc
  Color retina, rim, cup;           ///< reflectance, linear RGB
  double fovea_radius, fovea_depth, fovea_shine;
  double choroid, choroid_size;     ///< visibility and scale of the choroidal pattern
  uint64_t choroid_key;
  std::vector<Stroke> arteries, veins;
};

/// The anatomy of a patient: depends on the draws only, never on a label.
FundusAnatomy draw_fundus_anatomy(RandomStream stream);

}  // namespace defound::phantom

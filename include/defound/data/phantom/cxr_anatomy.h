#pragma once
#include "defound/data/phantom/vessel_tree.h"

namespace defound::phantom {

/// A chest seen from the front. x runs to the patient's left (the right of the picture), y downward; one unit is about
/// half the width of the radiograph, x = 0 the middle of the body.
struct ChestAnatomy {
  double apex, base_half_width;                ///< top of the lungs; half the width of the rib cage at the bottom
  double right_dome, left_dome;                ///< height of the diaphragm
  double thickness, aeration;                  ///< of the body; how much air the lungs hold
  double body_half_width, neck_half_width;
  double spine_bend, spine_width, vertebra;    ///< scoliosis; width; height of a vertebra
  double bone;                                 ///< density of bones
  std::vector<Blob> heart, breasts, stomach, shoulders;
  std::vector<Stroke> mediastinum, airways, posterior_ribs, anterior_ribs, long_bones, vessels;
  uint64_t texture_key;

  /// x of the inner side of the rib cage (positive) at height y.
  double wall(double y) const;
  /// Height of the diaphragm at x.
  double diaphragm(double x) const;
  double spine(double y) const;
  /// 1 inside the lungs, 0 outside, in between at their border.
  double lung(Point p) const;
  /// Half the width of the body at height y.
  double body(double y) const;
};

/// The anatomy of a patient: depends on the draws only, never on a label.
ChestAnatomy draw_chest_anatomy(RandomStream stream);

/// Patches of lung filled with fluid instead of air (pneumonia): one to three, soft and uneven, inside the lungs.
std::vector<Blob> draw_opacities(const ChestAnatomy& chest, RandomStream stream);

}  // namespace defound::phantom

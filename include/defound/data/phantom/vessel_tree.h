#pragma once
#include <functional>
#include <vector>

#include "defound/data/phantom/canvas.h"

namespace defound::phantom {

/// Where a vessel begins and where it wants to go. Lengths in scene units, angles in radians.
struct Sprout {
  Point start;
  double heading = 0;  ///< direction at the start
  double target = 0;   ///< direction that it turns to
  double steer = 0;    ///< how fast: share of the way a unit length
  double radius = 0, length = 0;
  int depth = 0;       ///< generations of branches that it may have
};

/// How vessels of one organ grow.
struct GrowthRules {
  double step = 0.04;                    ///< length of a straight piece
  double wander = 1.2;                   ///< random curvature, radians a unit length
  double taper = 0.65;                   ///< share of the radius that is lost along the length
  double first_branch = 0.12, branch_spacing = 0.16;
  double branch_angle_low = 0.5, branch_angle_high = 1.1;
  double child_radius = 0.7, child_length = 0.65;
  double least_radius = 0.0015;
  std::function<bool(Point)> allowed;    ///< growth ends where this is false
};

/// Grows a vessel with all its branches and appends them to `vessels`, parents before children.
void grow_vessel(const Sprout& sprout, const GrowthRules& rules, RandomStream& stream, std::vector<Stroke>& vessels);

}  // namespace defound::phantom

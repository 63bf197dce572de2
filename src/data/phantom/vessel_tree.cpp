#include "defound/data/phantom/vessel_tree.h"

#include <cmath>

namespace defound::phantom {
namespace {

double turn_between(double from, double to) { return std::remainder(to - from, 2 * M_PI); }

}  // namespace

void grow_vessel(const Sprout& sprout, const GrowthRules& rules, RandomStream& stream, std::vector<Stroke>& vessels) {
  Stroke vessel;
  std::vector<Sprout> branches;
  Point point = sprout.start;
  double heading = sprout.heading, curvature = 0;
  double next_branch = rules.first_branch * stream.uniform(0.6, 1.4);
  double side = stream.chance(0.5) ? 1 : -1;
  for (double along = 0; along < sprout.length; along += rules.step) {
    const double radius = sprout.radius * (1 - rules.taper * along / sprout.length);
    vessel.points.push_back(point);
    vessel.radii.push_back(radius);
    if (sprout.depth > 0 && along >= next_branch) {
      next_branch += rules.branch_spacing * stream.uniform(0.5, 1.6);
      const double angle = heading + side * stream.uniform(rules.branch_angle_low, rules.branch_angle_high);
      const double child_radius = radius * rules.child_radius * stream.uniform(0.7, 1.15);
      const double child_length = rules.child_length * sprout.length * stream.uniform(0.4, 1.0);
      if (child_radius >= rules.least_radius) {
        // Branches leave steeply, then bend back toward their parent's way.
        branches.push_back({point, angle, angle - side * stream.uniform(0.1, 0.9), 2.5, child_radius, child_length, sprout.depth - 1});
      }
      side = stream.chance(0.75) ? -side : side;
    }
    curvature += (stream.normal() * rules.wander * 2.2 - curvature) * std::min(1.0, rules.step / 0.12);
    heading += (sprout.steer * turn_between(heading, sprout.target) + curvature) * rules.step;
    point = {point.x + rules.step * std::cos(heading), point.y + rules.step * std::sin(heading)};
    if (rules.allowed && !rules.allowed(point)) break;
  }
  vessels.push_back(std::move(vessel));
  for (const Sprout& branch : branches) grow_vessel(branch, rules, stream, vessels);
}

}  // namespace defound::phantom

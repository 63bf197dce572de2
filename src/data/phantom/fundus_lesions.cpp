#include "defound/data/phantom/fundus_lesions.h"

#include <cmath>

namespace defound::phantom {
namespace {

/// How many of each lesion an eye of one grade has, and how large hemorrhages are.
struct Severity {
  int microaneurysms_low, microaneurysms_high;
  int hemorrhages_low, hemorrhages_high;
  int exudate_clusters_low, exudate_clusters_high;
  int cotton_wool_low, cotton_wool_high;
  int tufts_low, tufts_high;
  double hemorrhage_radius;
};

constexpr Severity kSeverities[] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {8, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {12, 22, 8, 14, 1, 3, 0, 1, 0, 0, 0.032},
    {18, 32, 22, 36, 2, 5, 2, 5, 0, 0, 0.044},
    {16, 30, 14, 26, 1, 3, 1, 3, 2, 4, 0.042},
};

int between(RandomStream& stream, int low, int high) { return low + static_cast<int>(stream.below(static_cast<uint64_t>(high - low + 1))); }

/// A place on the retina within `reach` of the middle between fovea and disc, off the disc and the very fovea.
Point place(const FundusAnatomy& eye, RandomStream& stream, double reach) {
  for (;;) {
    const double angle = stream.uniform(0, 2 * M_PI), away = reach * std::sqrt(stream.uniform());
    const Point point{0.28 + away * std::cos(angle), away * std::sin(angle)};
    const bool on_disc = std::hypot(point.x - eye.disc.x, point.y - eye.disc.y) < 1.35 * eye.disc_radius;
    if (!on_disc && std::hypot(point.x, point.y) > 0.08) return point;
  }
}

Blob spot(Point center, double radius, double roughness, RandomStream& stream) {
  Blob blob;
  blob.center = center;
  blob.radius = radius;
  blob.stretch = stream.uniform(1.0, 1.25);
  blob.angle = stream.uniform(0, M_PI);
  blob.roughness = roughness;
  blob.key = (static_cast<uint64_t>(stream.bits()) << 32) | stream.bits();
  return blob;
}

Blob hemorrhage(const FundusAnatomy& eye, double radius, RandomStream& stream) {
  Blob blob = spot(place(eye, stream, 0.85), radius * stream.uniform(0.7, 1.6), 0.25, stream);
  if (stream.chance(0.4)) {  // flame: drawn out along the nerve fibers, which run to the disc
    blob.stretch = stream.uniform(1.3, 1.7);
    blob.roughness = 0.15;
    blob.angle = std::atan2(eye.disc.y - blob.center.y, eye.disc.x - blob.center.x) + 0.25 * stream.normal();
  }
  blob.softness = stream.uniform(0.5, 0.8);
  blob.strength = stream.uniform(0.5, 1.1);  // fresh or fading
  return blob;
}

/// Hard exudates lie together, often as an arc round a leaking spot.
void add_exudates(const FundusAnatomy& eye, RandomStream& stream, std::vector<Blob>& exudates) {
  const Point middle = place(eye, stream, 0.65);
  const double spread = stream.uniform(0.08, 0.15), start = stream.uniform(0, 2 * M_PI), sweep = stream.uniform(2, 6);
  const int count = between(stream, 8, 18);
  for (int i = 0; i < count; ++i) {
    const double angle = start + sweep * stream.uniform(), away = spread * (1 + 0.35 * stream.normal());
    exudates.push_back(spot({middle.x + away * std::cos(angle), middle.y + away * std::sin(angle)}, stream.uniform(0.014, 0.032), 0.3, stream));
  }
}

/// A tangle of fine new vessels, on the disc or where a vein runs.
void add_tuft(const FundusAnatomy& eye, bool on_disc, RandomStream& stream, std::vector<Stroke>& vessels) {
  const double angle = stream.uniform(0, 2 * M_PI);
  Point middle{eye.disc.x + 0.9 * eye.disc_radius * std::cos(angle), eye.disc.y + 0.9 * eye.disc_radius * std::sin(angle)};
  if (!on_disc) middle = place(eye, stream, 0.8);
  GrowthRules rules;
  rules.step = 0.015;
  rules.wander = 9;
  rules.taper = 0.4;
  rules.first_branch = 0.03;
  rules.branch_spacing = 0.035;
  rules.branch_angle_high = 1.6;
  const double reach = stream.uniform(0.13, 0.2);
  const int stems = between(stream, 6, 10);
  rules.allowed = [middle, reach](Point p) { return std::hypot(p.x - middle.x, p.y - middle.y) < reach; };
  for (int i = 0; i < stems; ++i) {
    const double heading = 2 * M_PI * (i + stream.uniform()) / stems;
    grow_vessel({middle, heading, heading + stream.uniform(-1, 1), 3, stream.uniform(0.005, 0.0075), reach * 1.5, 2}, rules, stream, vessels);
  }
}

/// Blood in front of the retina sinks: a boat with a level top.
Blob preretinal_hemorrhage(const FundusAnatomy& eye, RandomStream& stream) {
  Blob blob = spot(place(eye, stream, 0.7), stream.uniform(0.09, 0.15), 0.12, stream);
  blob.stretch = stream.uniform(1.15, 1.4);
  blob.angle = 0.1 * stream.normal();
  blob.softness = 0.15;
  return blob;
}

}  // namespace

FundusLesions draw_fundus_lesions(int grade, const FundusAnatomy& eye, RandomStream stream) {
  const Severity& severity = kSeverities[grade];
  FundusLesions lesions;
  const int microaneurysms = between(stream, severity.microaneurysms_low, severity.microaneurysms_high);
  for (int i = 0; i < microaneurysms; ++i) {
    lesions.microaneurysms.push_back(spot(place(eye, stream, 0.7), stream.uniform(0.014, 0.021), 0, stream));
  }
  const int hemorrhages = between(stream, severity.hemorrhages_low, severity.hemorrhages_high);
  for (int i = 0; i < hemorrhages; ++i) lesions.hemorrhages.push_back(hemorrhage(eye, severity.hemorrhage_radius, stream));
  const int clusters = between(stream, severity.exudate_clusters_low, severity.exudate_clusters_high);
  for (int i = 0; i < clusters; ++i) add_exudates(eye, stream, lesions.exudates);
  const int cotton_wool = between(stream, severity.cotton_wool_low, severity.cotton_wool_high);
  for (int i = 0; i < cotton_wool; ++i) {
    Blob blob = spot(place(eye, stream, 0.75), stream.uniform(0.055, 0.09), 0.5, stream);
    blob.softness = 0.9;
    lesions.cotton_wool.push_back(blob);
  }
  const int tufts = between(stream, severity.tufts_low, severity.tufts_high);
  for (int i = 0; i < tufts; ++i) add_tuft(eye, i == 0 && stream.chance(0.6), stream, lesions.new_vessels);
  if (tufts > 0 && stream.chance(0.6)) lesions.preretinal.push_back(preretinal_hemorrhage(eye, stream));
  return lesions;
}

}  // namespace defound::phantom

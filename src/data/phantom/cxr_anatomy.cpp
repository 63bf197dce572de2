#include "defound/data/phantom/cxr_anatomy.h"

#include <cmath>

namespace defound::phantom {
namespace {

Stroke tapered(const std::vector<Point>& knots, double from, double to, int pieces = 6) {
  Stroke stroke{smooth_curve(knots, pieces), {}};
  const size_t count = stroke.points.size();
  for (size_t i = 0; i < count; ++i) stroke.radii.push_back(from + (to - from) * static_cast<double>(i) / static_cast<double>(count - 1));
  return stroke;
}

Blob oval(Point center, double radius, double stretch, double angle, double softness) {
  Blob blob;
  blob.center = center;
  blob.radius = radius;
  blob.stretch = stretch;
  blob.angle = angle;
  blob.softness = softness;
  return blob;
}

void draw_ribs(ChestAnatomy& chest, RandomStream& stream) {
  const double first = chest.apex + stream.uniform(-0.04, 0.02), pitch = stream.uniform(0.115, 0.135), slope = stream.uniform(0.9, 1.6);
  const double radius = stream.uniform(0.026, 0.033);
  for (int rib = 0; rib < 10; ++rib) {
    for (const double side : {-1.0, 1.0}) {
      const double top = first + pitch * rib + 0.005 * stream.normal(), drop = slope * (0.07 + 0.03 * rib);
      const double inner = 0.08, outer = chest.wall(top + drop) + 0.012, reach = outer - inner;
      const double middle = chest.spine(top);
      chest.posterior_ribs.push_back(tapered({{middle + side * inner, top},
                                              {middle + side * (inner + 0.35 * reach), top - 0.02 + 0.1 * drop},
                                              {side * (inner + 0.75 * reach), top + 0.42 * drop},
                                              {side * (inner + 0.95 * reach), top + 0.78 * drop},
                                              {side * outer, top + drop}}, 0.8 * radius, radius));
      const double front = drop * 0.8 + 0.1, end = outer * stream.uniform(0.42, 0.5);  // the front half ends in cartilage, which does not show
      chest.anterior_ribs.push_back(tapered({{side * outer, top + drop},
                                             {side * (outer - 0.03), top + drop + 0.06},
                                             {side * (outer - 0.35 * (outer - end)), top + drop + 0.75 * front},
                                             {side * end, top + drop + front}}, radius, 1.15 * radius));
    }
  }
}

void draw_shoulders(ChestAnatomy& chest, RandomStream& stream) {
  const double height = chest.apex + stream.uniform(0.14, 0.26), lift = stream.uniform(0.12, 0.26);
  for (const double side : {-1.0, 1.0}) {
    const double tilt = 0.02 * stream.normal();
    chest.long_bones.push_back(tapered({{side * 0.08, height + 0.02}, {side * 0.2, height - 0.01}, {side * 0.42, height - 0.5 * lift + tilt},
                                        {side * 0.66, height - 0.95 * lift + tilt}, {side * 0.9, height - lift + tilt}}, 0.034, 0.026));
    chest.long_bones.push_back(tapered({{side * 1.04, height - 0.02}, {side * 1.12, height + 0.5}, {side * 1.16, height + 1.2}}, 0.07, 0.055));
    chest.shoulders.push_back(oval({side * 1.02, height - 0.02}, 0.1, 1.05, 0, 0.25));
    // The shoulder blade: a faint triangle beside the ribs.
    chest.shoulders.push_back(oval({side * 0.88, height + 0.12}, 0.19, 1.45, M_PI / 2 - side * 0.15, 0.3));
  }
}

void draw_mediastinum(ChestAnatomy& chest, RandomStream& stream) {
  const double size = stream.uniform(0.25, 0.33), left = stream.uniform(0.11, 0.17), low = chest.left_dome - 0.55 * size;
  chest.heart.push_back(oval({left, low - 0.02}, size, 1.13, stream.uniform(0.35, 0.7), 0.16));
  chest.heart.push_back(oval({left - 0.16, low + 0.01}, 0.66 * size, 1.2, M_PI / 2, 0.16));
  chest.heart.push_back(oval({left - 0.07, low - 0.8 * size}, 0.17, 1.25, M_PI / 2 + 0.25, 0.35));
  chest.heart.push_back(oval({stream.uniform(0.09, 0.14), chest.apex + stream.uniform(0.36, 0.44)}, stream.uniform(0.065, 0.095), 1.15, M_PI / 2, 0.35));
  chest.mediastinum.push_back(tapered({{0, -1.3}, {0, chest.apex}, {0.01, -0.2}, {0.02, 0.2}, {0.02, 0.9}}, stream.uniform(0.11, 0.14), 0.19));
  const double carina = chest.apex + stream.uniform(0.46, 0.54);
  chest.airways.push_back(tapered({{0, -1.2}, {0, -0.8}, {-0.01, carina}}, 0.042, 0.038));
  chest.airways.push_back(tapered({{-0.01, carina}, {-0.09, carina + 0.08}, {-0.17, carina + 0.13}}, 0.03, 0.018));
  chest.airways.push_back(tapered({{-0.01, carina}, {0.10, carina + 0.1}, {0.18, carina + 0.14}}, 0.027, 0.016));
}

void draw_lung_vessels(ChestAnatomy& chest, RandomStream& stream) {
  GrowthRules rules;
  rules.step = 0.035;
  rules.wander = 3.5;
  rules.taper = 0.75;
  rules.first_branch = 0.06;
  rules.branch_spacing = 0.11;
  rules.branch_angle_low = 0.35;
  rules.branch_angle_high = 0.8;
  rules.least_radius = 0.003;
  rules.allowed = [&chest](Point p) { return chest.lung(p) > 0.3 || std::abs(p.x) < 0.2; };
  const double radius = stream.uniform(0.022, 0.032), hilum = chest.apex + stream.uniform(0.58, 0.68);
  for (const double side : {-1.0, 1.0}) {
    const Point start{side * 0.15, hilum - (side > 0 ? 0.03 : 0)};
    for (const double angle : {-1.2, -0.55, 0.25, 0.8, 1.25}) {
      const double heading = angle + 0.25 * stream.normal(), toward = side > 0 ? heading : M_PI - heading;
      const double thick = radius * (angle > 0.5 ? 1 : 0.75) * stream.uniform(0.8, 1.1);
      grow_vessel({start, toward, toward, 1, thick, stream.uniform(0.45, 0.65), 2}, rules, stream, chest.vessels);
    }
  }
}

}  // namespace

double ChestAnatomy::wall(double y) const {
  const double t = std::clamp((y - apex) / (0.75 - apex), 0.0, 1.0);
  return 0.25 + (base_half_width - 0.25) * std::pow(1 - std::pow(1 - t, 2.3), 0.66) - 0.05 * smoothstep(0.75, 1.1, t);
}

double ChestAnatomy::diaphragm(double x) const {
  const double dome = x < 0 ? right_dome : left_dome, away = std::abs(x), peak = 0.52 * base_half_width;
  if (away < peak) return dome + 0.09 * std::pow((peak - away) / peak, 2);
  return dome + 0.3 * std::pow((away - peak) / (base_half_width - peak), 2.2);
}

double ChestAnatomy::spine(double y) const { return spine_bend * std::sin(2.2 * y + 0.4); }

double ChestAnatomy::lung(Point p) const {
  if (p.y < apex) return 0;
  const double x = std::abs(p.x), inner = 0.11 + 0.1 * std::exp(-(p.y - apex) / 0.07);
  return smoothstep(-0.012, 0.02, wall(p.y) - x) * smoothstep(-0.02, 0.02, x - inner) * smoothstep(-0.012, 0.02, diaphragm(p.x) - p.y);
}

double ChestAnatomy::body(double y) const {
  const double shoulder = neck_half_width + (1.32 - neck_half_width) * smoothstep(apex - 0.42, apex + 0.05, y + 0.02);
  return shoulder + (body_half_width - 1.32) * smoothstep(apex + 0.1, apex + 1.15, y);
}

ChestAnatomy draw_chest_anatomy(RandomStream stream) {
  ChestAnatomy chest;
  chest.apex = stream.uniform(-0.76, -0.64);
  chest.base_half_width = stream.uniform(0.70, 0.82);
  chest.right_dome = stream.uniform(0.3, 0.52);
  chest.left_dome = chest.right_dome + stream.uniform(0.0, 0.07);
  chest.thickness = stream.uniform(0.85, 1.2);
  chest.aeration = stream.uniform(0.58, 0.72);
  chest.body_half_width = chest.base_half_width + stream.uniform(0.12, 0.36);
  chest.neck_half_width = stream.uniform(0.2, 0.28);
  chest.spine_bend = 0.018 * stream.normal();
  chest.spine_width = stream.uniform(0.068, 0.085);
  chest.vertebra = stream.uniform(0.1, 0.12);
  chest.bone = stream.uniform(0.75, 1.2);
  chest.texture_key = (static_cast<uint64_t>(stream.bits()) << 32) | stream.bits();
  draw_ribs(chest, stream);
  draw_shoulders(chest, stream);
  draw_mediastinum(chest, stream);
  draw_lung_vessels(chest, stream);
  if (stream.chance(0.45)) {
    const double radius = stream.uniform(0.26, 0.36), height = stream.uniform(0.2, 0.4);
    for (const double side : {-1.0, 1.0}) chest.breasts.push_back(oval({side * stream.uniform(0.4, 0.5), height}, radius, 1.05, M_PI / 2, 0.2));
  }
  if (stream.chance(0.6)) {
    chest.stomach.push_back(oval({stream.uniform(0.3, 0.42), chest.left_dome + stream.uniform(0.09, 0.16)}, stream.uniform(0.06, 0.11), 1.3, -0.1, 0.25));
  }
  return chest;
}

std::vector<Blob> draw_opacities(const ChestAnatomy& chest, RandomStream stream) {
  std::vector<Blob> opacities;
  const size_t count = 1 + stream.below(3);
  while (opacities.size() < count) {
    const double side = stream.chance(0.5) ? 1 : -1;
    const Point center{side * stream.uniform(0.18, 0.68), chest.apex + stream.uniform(0.3, 1.25)};
    const bool behind_heart = std::abs(center.x) < (side > 0 && center.y > -0.1 ? 0.4 : 0.26);  // would hardly show
    if (behind_heart || chest.lung(center) < 0.99) continue;
    Blob blob = oval(center, stream.uniform(0.15, 0.25), stream.uniform(1.0, 1.25), stream.uniform(0, M_PI), stream.uniform(0.6, 1.0));
    blob.roughness = 0.5;
    blob.key = (static_cast<uint64_t>(stream.bits()) << 32) | stream.bits();
    opacities.push_back(blob);
  }
  return opacities;
}

}  // namespace defound::phantom

#include "defound/data/phantom/fundus_anatomy.h"

#include <cmath>

namespace defound::phantom {
namespace {

constexpr double kPi = M_PI;

Color mix(const Color& a, const Color& b, double share) {
  return {a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share};
}

Color draw_retina(RandomStream& stream) {  // between brown, orange and pink, as pigment and age have it
  const Color brown{0.36, 0.20, 0.09}, orange{0.78, 0.34, 0.09}, pink{0.70, 0.47, 0.36};
  Color color = mix(orange, brown, stream.uniform(0, 0.85));
  color = mix(color, pink, stream.chance(0.4) ? stream.uniform(0.2, 0.9) : 0.0);
  for (double& value : color) value *= stream.uniform(0.92, 1.08);
  return color;
}

/// Vessels stay out of the avascular zone around the fovea and end far outside the picture.
GrowthRules retina_rules(double avascular_radius) {
  GrowthRules rules;
  rules.first_branch = 0.2;
  rules.branch_spacing = 0.27;
  rules.wander = 1.7;
  rules.child_radius = 0.64;
  rules.branch_angle_low = 0.55;
  rules.least_radius = 0.0018;
  rules.allowed = [avascular_radius](Point p) {
    return std::hypot(p.x, p.y) > avascular_radius && std::hypot(p.x - 0.3, p.y) < 1.75;
  };
  return rules;
}

void draw_vessels(FundusAnatomy& eye, RandomStream& stream) {
  const GrowthRules rules = retina_rules(stream.uniform(0.13, 0.2));
  const double caliber = stream.uniform(0.0125, 0.0165), ratio = stream.uniform(0.66, 0.85), arch = stream.uniform(1.9, 2.9);
  for (const bool vein : {false, true}) {
    std::vector<Stroke>& vessels = vein ? eye.veins : eye.arteries;
    const double radius = caliber * (vein ? 1 : ratio);
    for (const double up : {-1.0, 1.0}) {
      const Point start{eye.disc.x + stream.uniform(-0.03, 0.02), eye.disc.y + up * stream.uniform(0, 0.03)};
      // Temporal arcade: up (or down) out of the disc, then round the macula.
      const double lean = (vein ? 0.12 : -0.12) + 0.12 * stream.normal();
      grow_vessel({start, up * (kPi * 0.47 + lean), up * (kPi * (0.97 + 0.06 * stream.normal())), arch * stream.uniform(0.75, 1.1),
                   radius * stream.uniform(0.92, 1.08), 2.1, 2}, rules, stream, vessels);
      // Nasal vessels: out to the other side, hardly bent.
      const double away = up * (stream.uniform(0.35, 0.8) + (vein ? 0.15 : 0));
      grow_vessel({start, away, away * stream.uniform(0.7, 1.3), 0.8, radius * stream.uniform(0.6, 0.8), 1.1, 2}, rules, stream, vessels);
      if (stream.chance(0.7)) {  // a small one from the disc to the macula
        const double inward = up * (kPi - stream.uniform(0.25, 0.75));
        grow_vessel({start, inward, up * kPi * 0.98, 1.2, radius * stream.uniform(0.22, 0.36), 0.75, 1}, rules, stream, vessels);
      }
    }
  }
}

}  // namespace

FundusAnatomy draw_fundus_anatomy(RandomStream stream) {
  FundusAnatomy eye;
  eye.disc = {stream.uniform(0.68, 0.80), stream.uniform(-0.10, 0.02)};
  eye.disc_radius = stream.uniform(0.125, 0.165);
  eye.disc_stretch = stream.uniform(1.0, 1.06);
  eye.disc_angle = kPi / 2 + 0.25 * stream.normal();
  eye.cup_share = stream.uniform(0.3, 0.62);
  eye.atrophy = stream.chance(0.3) ? stream.uniform(0.2, 0.7) : 0.0;
  eye.retina = draw_retina(stream);
  eye.rim = mix(eye.retina, {1.0, 0.66, 0.38}, stream.uniform(0.7, 0.9));
  eye.cup = {stream.uniform(0.97, 1.05), stream.uniform(0.86, 0.95), stream.uniform(0.52, 0.74)};
  eye.fovea_radius = stream.uniform(0.10, 0.16);
  eye.fovea_depth = stream.uniform(0.45, 0.95);
  eye.fovea_shine = stream.chance(0.3) ? stream.uniform(0.05, 0.2) : 0.0;
  eye.choroid = stream.chance(0.5) ? stream.uniform(0.08, 0.22) : stream.uniform(0.0, 0.08);
  eye.choroid_size = stream.uniform(0.06, 0.1);
  eye.choroid_key = (static_cast<uint64_t>(stream.bits()) << 32) | stream.bits();
  draw_vessels(eye, stream);
  return eye;
}

}  // namespace defound::phantom

#include "defound/data/phantom/fundus_phantom.h"

#include <cmath>

#include "defound/data/phantom/fundus_lesions.h"
#include "defound/data/phantom/noise_field.h"

namespace defound::phantom {
namespace {

/// How one photograph is taken. Carries no label.
struct FundusCamera {
  View view;
  double radius;                    ///< of the field of view, in pixels
  double x0, y0;                    ///< its middle
  double exposure, falloff, slope, slope_angle, gamma;
  Color gains;                      ///< white balance
  double glow, glow_width;          ///< bright rim at the edge of the field
  Color glow_color;
  double flare, flare_angle, flare_reach;   ///< pale crescent of stray light
  double haze;                      ///< cloudy media: less contrast
  double reflex;                    ///< spot of the lens, near the middle
  Point reflex_at;
  double sharpness, noise;          ///< blur in units of the scene; noise of the sensor
};

FundusCamera draw_camera(RandomStream& stream, bool left_eye, int64_t size) {
  const double half = static_cast<double>(size) / 2;
  const double radius = half * (stream.chance(0.25) ? stream.uniform(1.0, 1.15) : stream.uniform(0.93, 0.995));
  const double x0 = half - 0.5 + half * 0.01 * stream.normal(), y0 = half - 0.5 + half * 0.01 * stream.normal();
  const Point center{stream.uniform(0.0, 0.52), 0.09 * stream.normal()};
  const double zoom = stream.uniform(0.92, 1.12), angle = 0.12 * stream.normal();
  FundusCamera camera{View(center, radius * zoom, angle, left_eye, x0, y0), radius, x0, y0, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  camera.exposure = stream.uniform(0.7, 1.3);
  camera.falloff = stream.uniform(0.1, 0.6);
  camera.slope = stream.uniform(0, 0.35);
  camera.slope_angle = stream.uniform(0, 2 * M_PI);
  camera.gamma = stream.uniform(0.75, 1.15);
  for (double& gain : camera.gains) gain = stream.uniform(0.9, 1.1);
  camera.glow = stream.chance(0.2) ? stream.uniform(0.15, 0.6) : 0.0;
  camera.glow_width = stream.uniform(0.05, 0.15);
  camera.glow_color = {stream.uniform(0.7, 0.9), stream.uniform(0.65, 0.85), stream.uniform(0.3, 0.6)};
  camera.flare = stream.chance(0.18) ? stream.uniform(0.15, 0.6) : 0.0;
  camera.flare_angle = stream.uniform(0, 2 * M_PI);
  camera.flare_reach = stream.uniform(0.5, 0.9);
  camera.haze = stream.chance(0.35) ? stream.uniform(0.05, 0.3) : stream.uniform(0, 0.05);
  camera.reflex = stream.chance(0.12) ? stream.uniform(0.2, 0.5) : 0.0;
  camera.reflex_at = {0.1 * stream.normal(), 0.1 * stream.normal()};
  camera.sharpness = stream.uniform(0.0, 0.009);
  camera.noise = stream.uniform(0.004, 0.016);
  return camera;
}

/// Everything that lies on the retina, one plane for each kind of matter.
struct FundusLayers {
  Plane disc, cup, atrophy, artery, vein, blood, dots, exudate, cotton;
  explicit FundusLayers(int64_t size)
      : disc(size, size), cup(size, size), atrophy(size, size), artery(size, size), vein(size, size), blood(size, size),
        dots(size, size), exudate(size, size), cotton(size, size) {}
};

void draw_anatomy(const FundusAnatomy& eye, const View& view, FundusLayers& layers) {
  Blob disc{eye.disc, eye.disc_radius, eye.disc_stretch, eye.disc_angle, 0.22, 0.03, eye.choroid_key};
  draw_blob(layers.disc, view, disc, 1);
  Blob cup{{eye.disc.x - 0.12 * eye.disc_radius, eye.disc.y}, eye.disc_radius * eye.cup_share, eye.disc_stretch, eye.disc_angle, 0.7, 0.05, eye.choroid_key + 1};
  draw_blob(layers.cup, view, cup, 1);
  if (eye.atrophy > 0) {
    Blob crescent{{eye.disc.x - 0.25 * eye.disc_radius, eye.disc.y}, 1.15 * eye.disc_radius, eye.disc_stretch, eye.disc_angle, 0.4, 0.12, eye.choroid_key + 2};
    draw_blob(layers.atrophy, view, crescent, eye.atrophy);
  }
  for (const Stroke& artery : eye.arteries) draw_stroke(layers.artery, view, artery, 1, Profile::kTube);
  for (const Stroke& vein : eye.veins) draw_stroke(layers.vein, view, vein, 1, Profile::kTube);
}

void draw_lesions(const FundusLesions& lesions, const View& view, FundusLayers& layers) {
  for (const Blob& blob : lesions.microaneurysms) draw_blob(layers.dots, view, blob, 1);
  for (const Blob& blob : lesions.hemorrhages) draw_blob(layers.blood, view, blob, 0.9);
  for (const Blob& blob : lesions.preretinal) draw_blob(layers.blood, view, blob, 1.5);
  for (const Blob& blob : lesions.exudates) draw_blob(layers.exudate, view, blob, 1);
  for (const Blob& blob : lesions.cotton_wool) draw_blob(layers.cotton, view, blob, 1);
  for (const Stroke& vessel : lesions.new_vessels) draw_stroke(layers.artery, view, vessel, 1.1, Profile::kSolid);
}

void mix_in(Color& color, const Color& other, double share) {
  for (int c = 0; c < 3; ++c) color[c] += (other[c] - color[c]) * share;
}

/// Light that the retina sends back at one point: the tissue, what lies on it, and blood in front that absorbs.
class FundusShading {
 public:
  FundusShading(const FundusAnatomy& eye, const FundusLayers& layers) : eye_(eye), layers_(layers), choroid_(eye.choroid_key), mottle_(eye.choroid_key + 3) {}

  Color operator()(Point p, size_t pixel) const {
    Color color = tissue(p, pixel);
    mix_in(color, {0.95, 0.84, 0.62}, 0.7 * layers_.cotton.values[pixel]);
    mix_in(color, {1.0, 0.84, 0.36}, 0.85 * layers_.exudate.values[pixel]);
    const double artery = layers_.artery.values[pixel], vein = layers_.vein.values[pixel];
    const double blood = std::max(layers_.blood.values[pixel], 0.9f * layers_.dots.values[pixel]);
    // Blood lets red pass; veins, poor in oxygen, let less pass than arteries.
    const double arterial = 0.62 * artery, venous = 0.9 * vein, spilled = 1.15 * blood, depth = std::max({arterial, venous, spilled});
    const double red = depth == spilled ? 0.4 : depth == venous ? 0.5 : 0.3;
    color[0] *= std::exp(-red * depth), color[1] *= std::exp(-1.05 * depth), color[2] *= std::exp(-0.85 * depth);
    return color;
  }

 private:
  Color tissue(Point p, size_t pixel) const {
    Color color = eye_.retina;
    // Vessels of the choroid: bright ridges where the layered noise crosses zero, stronger away from the macula.
    const double x = p.x / eye_.choroid_size, y = p.y / eye_.choroid_size;
    const double ridge = 1 - std::min(1.0, 1.9 * std::abs(choroid_.layered(0.35 * x + 0.3 * y, 0.8 * y - 0.25 * x, 3)));
    const double far = smoothstep(0.15, 0.8, std::hypot(p.x, p.y));
    const double texture = eye_.choroid * (0.3 + 0.7 * far) * (ridge - 0.4) + 0.05 * mottle_.layered(3 * p.x, 3 * p.y, 4);
    color[0] *= 1 + 0.8 * texture, color[1] *= 1 + 1.3 * texture, color[2] *= 1 + texture;
    const double square = (p.x * p.x + p.y * p.y) / (eye_.fovea_radius * eye_.fovea_radius);
    const double macula = 0.35 * std::exp(-square / 9) + 0.65 * std::exp(-square), pit = eye_.fovea_depth * macula;
    color[0] *= std::exp(-0.55 * pit), color[1] *= std::exp(-0.95 * pit), color[2] *= std::exp(-1.0 * pit);
    mix_in(color, {0.9, 0.7, 0.5}, eye_.fovea_shine * std::exp(-square * 8));
    mix_in(color, {0.95, 0.75, 0.5}, 0.6 * layers_.atrophy.values[pixel]);
    mix_in(color, eye_.rim, layers_.disc.values[pixel]);
    mix_in(color, eye_.cup, std::min(layers_.disc.values[pixel], layers_.cup.values[pixel]));
    return color;
  }

  const FundusAnatomy& eye_;
  const FundusLayers& layers_;
  NoiseField choroid_, mottle_;
};

/// Exposure, stray light and media between the retina and the film at (u, v): the field of view has radius 1.
Color expose(const FundusCamera& camera, Color color, double u, double v) {
  const double square = u * u + v * v;
  const double light = camera.exposure * (1 - camera.falloff * square * (0.5 + 0.5 * square)) *
                       (1 + camera.slope * (u * std::cos(camera.slope_angle) + v * std::sin(camera.slope_angle)));
  for (int c = 0; c < 3; ++c) color[c] *= light * camera.gains[c];
  mix_in(color, {0.62, 0.52, 0.44}, camera.haze);
  if (camera.glow > 0) mix_in(color, camera.glow_color, camera.glow * smoothstep(1 - camera.glow_width, 1, std::sqrt(square)));
  if (camera.flare > 0) {
    const double toward = u * std::cos(camera.flare_angle) + v * std::sin(camera.flare_angle);
    mix_in(color, {0.88, 0.88, 0.76}, camera.flare * smoothstep(camera.flare_reach, 1.15, toward));
  }
  if (camera.reflex > 0) {
    const double away = std::hypot(u - camera.reflex_at.x, v - camera.reflex_at.y);
    mix_in(color, {0.85, 0.85, 0.9}, camera.reflex * std::exp(-away * away / 0.003));
  }
  for (double& value : color) value = std::pow(std::clamp(value, 0.0, 1.2), camera.gamma);
  return color;
}

Image develop(const FundusCamera& camera, std::array<Plane, 3>& channels, RandomStream& stream) {
  const int64_t size = channels[0].width;
  for (Plane& channel : channels) {
    blur(channel, camera.sharpness * camera.radius);
    add_noise(channel, camera.noise, stream);
  }
  Image image(size, size);
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const double away = std::hypot(static_cast<double>(x) - camera.x0, static_cast<double>(y) - camera.y0);
      const double inside = std::clamp(camera.radius - away + 0.5, 0.0, 1.0);
      for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<uint8_t>(std::lround(255 * inside * std::clamp<double>(channels[c].at(x, y), 0, 1)));
    }
  }
  return image;
}

}  // namespace

Image render_fundus(const Draws& draws, uint64_t patient, uint64_t image, int grade, int64_t size) {
  RandomStream person = draws.purpose("eye").stream(patient), shot = draws.purpose("camera").stream(image);
  const FundusCamera camera = draw_camera(shot, person.chance(0.5), size);
  const FundusAnatomy eye = draw_fundus_anatomy(draws.purpose("anatomy").stream(patient));
  const FundusLesions lesions = draw_fundus_lesions(grade, eye, draws.purpose("lesions").stream(patient));
  FundusLayers layers(size);
  draw_anatomy(eye, camera.view, layers);
  draw_lesions(lesions, camera.view, layers);
  const FundusShading shade(eye, layers);
  std::array<Plane, 3> channels{Plane(size, size), Plane(size, size), Plane(size, size)};
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const double px = static_cast<double>(x), py = static_cast<double>(y);
      const double u = (px - camera.x0) / camera.radius, v = (py - camera.y0) / camera.radius;
      if (u * u + v * v > 1.1) continue;
      const Color color = expose(camera, shade(camera.view.to_scene(px, py), static_cast<size_t>(y * size + x)), u, v);
      for (int c = 0; c < 3; ++c) channels[c].at(x, y) = static_cast<float>(color[c]);
    }
  }
  RandomStream grain = draws.purpose("grain").stream(image);
  return develop(camera, channels, grain);
}

}  // namespace defound::phantom

#include "defound/data/phantom/cxr_phantom.h"

#include <cmath>

#include "defound/data/phantom/cxr_anatomy.h"
#include "defound/data/phantom/noise_field.h"

namespace defound::phantom {
namespace {

/// How one radiograph is taken. Carries no label.
struct ChestCamera {
  View view;
  double window_low, window_high, gamma, shoulder;  ///< attenuation that is black and white; curve of the film
  double scatter, slope;                            ///< fog, and darkening from one side to the other
  double left, top, right, bottom;                  ///< collimator, as shares of the picture
  double collimator_angle;
  std::vector<Stroke> marker, leads;                ///< letter of the side; wires on the skin; in scene units of the picture
  std::vector<Blob> pads;
  double sharpness, noise;
};

/// A letter of lead in the upper corner: L on the patient's left or R on the right.
std::vector<Stroke> draw_marker(RandomStream& stream) {
  const bool left = stream.chance(0.75);
  const Point at{(left ? 1 : -1) * stream.uniform(0.74, 0.9), stream.uniform(-0.93, -0.7)};
  const double height = stream.uniform(0.05, 0.075), tilt = 0.2 * stream.normal(), thick = 0.011;
  const auto turn = [&](double x, double y) {
    return Point{at.x + height * (std::cos(tilt) * x - std::sin(tilt) * y), at.y + height * (std::sin(tilt) * x + std::cos(tilt) * y)};
  };
  if (left) return {{{turn(0, -1), turn(0, 1), turn(0.9, 1)}, {thick, thick, thick}}};
  return {{{turn(0, 1), turn(0, -1), turn(0.8, -0.9), turn(0.9, -0.4), turn(0.7, 0), turn(0, 0), turn(0.9, 1)}, std::vector<double>(7, thick)}};
}

void draw_leads(ChestCamera& camera, RandomStream& stream) {
  for (int lead = 0; lead < 3; ++lead) {
    const double side = stream.chance(0.5) ? 1 : -1;
    const Point end{side * stream.uniform(0.2, 0.7), stream.uniform(-0.4, 0.5)};
    std::vector<Point> knots{end};
    for (int i = 1; i <= 3; ++i) knots.push_back({end.x + side * 0.25 * i + 0.06 * stream.normal(), end.y - 0.1 * i + 0.1 * stream.normal()});
    Stroke wire{smooth_curve(knots, 6), {}};
    wire.radii.assign(wire.points.size(), 0.006);
    camera.leads.push_back(wire);
    Blob pad;
    pad.center = end;
    pad.radius = 0.03;
    camera.pads.push_back(pad);
  }
}

ChestCamera draw_camera(RandomStream& stream, int64_t size) {
  const double half = static_cast<double>(size) / 2;
  const Point center{0.07 * stream.normal(), 0.07 * stream.normal()};
  const double zoom = stream.uniform(0.88, 1.2), angle = 0.045 * stream.normal();
  ChestCamera camera{View(center, half * zoom, angle, false, half - 0.5, half - 0.5), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
  camera.window_low = stream.uniform(0.0, 0.16);
  camera.window_high = stream.uniform(1.3, 1.8);
  camera.gamma = stream.uniform(0.7, 1.2);
  camera.shoulder = stream.uniform(0.8, 1.8);
  camera.scatter = stream.chance(0.3) ? stream.uniform(0.05, 0.25) : stream.uniform(0, 0.05);
  camera.slope = 0.06 * stream.normal();
  const bool collimated = stream.chance(0.3);
  for (double* side : {&camera.left, &camera.top, &camera.right, &camera.bottom}) *side = collimated ? stream.uniform(-0.03, 0.07) : -1;
  camera.collimator_angle = 0.012 * stream.normal();
  if (stream.chance(0.75)) camera.marker = draw_marker(stream);
  if (stream.chance(0.12)) draw_leads(camera, stream);
  camera.sharpness = stream.uniform(0.002, 0.009);
  camera.noise = stream.uniform(0.004, 0.02);
  return camera;
}

/// Matter in the way of the rays, one plane for each kind; attenuation adds up over planes.
struct ChestLayers {
  Plane heart, mediastinum, airways, posterior_ribs, anterior_ribs, long_bones, shoulders, vessels, breasts, stomach, opacity, metal;
  explicit ChestLayers(int64_t n)
      : heart(n, n), mediastinum(n, n), airways(n, n), posterior_ribs(n, n), anterior_ribs(n, n), long_bones(n, n), shoulders(n, n),
        vessels(n, n), breasts(n, n), stomach(n, n), opacity(n, n), metal(n, n) {}
};

void draw_all(Plane& plane, const View& view, const std::vector<Stroke>& strokes, Profile profile) {
  for (const Stroke& stroke : strokes) draw_stroke(plane, view, stroke, 1, profile);
}

void draw_all(Plane& plane, const View& view, const std::vector<Blob>& blobs) {
  for (const Blob& blob : blobs) draw_blob(plane, view, blob, 1);
}

void draw_layers(const ChestAnatomy& chest, const ChestCamera& camera, ChestLayers& layers) {
  const View& view = camera.view;
  draw_all(layers.heart, view, chest.heart);
  draw_all(layers.breasts, view, chest.breasts);
  draw_all(layers.stomach, view, chest.stomach);
  draw_all(layers.shoulders, view, chest.shoulders);
  draw_all(layers.mediastinum, view, chest.mediastinum, Profile::kSolid);
  draw_all(layers.airways, view, chest.airways, Profile::kTube);
  draw_all(layers.posterior_ribs, view, chest.posterior_ribs, Profile::kShell);
  draw_all(layers.anterior_ribs, view, chest.anterior_ribs, Profile::kShell);
  draw_all(layers.long_bones, view, chest.long_bones, Profile::kShell);
  draw_all(layers.vessels, view, chest.vessels, Profile::kTube);
  const double half = static_cast<double>(layers.metal.width) / 2;
  const View picture({0, 0}, half, 0, false, half - 0.5, half - 0.5);
  draw_all(layers.metal, picture, camera.marker, Profile::kSolid);
  draw_all(layers.metal, picture, camera.leads, Profile::kSolid);
  draw_all(layers.metal, picture, camera.pads);
  blur(layers.heart, 0.014 * view.scale());
  blur(layers.mediastinum, 0.03 * view.scale());
  for (Plane* bones : {&layers.posterior_ribs, &layers.anterior_ribs, &layers.long_bones}) blur(*bones, 0.006 * view.scale());
  blur(layers.airways, 0.008 * view.scale());
}

/// Attenuation along the ray through one point; a chest without lungs would have 1 in the middle.
class Attenuation {
 public:
  Attenuation(const ChestAnatomy& chest, const ChestLayers& layers) : chest_(chest), layers_(layers), texture_(chest.texture_key) {}

  double operator()(Point p, size_t pixel) const {
    const double half_width = chest_.body(p.y), edge = half_width - std::abs(p.x);
    if (edge <= 0) return 0;
    const double body = std::sqrt(1 - std::pow(p.x / half_width, 2));
    const double heart = layers_.heart.values[pixel], middle = layers_.mediastinum.values[pixel];
    const double lung = chest_.lung(p) * (1 - 0.8 * heart) * (1 - 0.7 * middle);  // the rest lies in front of or behind them
    double sum = chest_.thickness * (0.25 * smoothstep(0, 0.06, edge) + 0.65 * body);
    sum -= lung * (chest_.aeration * air_depth(p) - opacity(p, pixel));
    const double abdomen = smoothstep(-0.02, 0.05, p.y - chest_.diaphragm(p.x)) * smoothstep(-0.02, 0.05, chest_.wall(0.75) - std::abs(p.x));
    sum += std::max(0.22 * heart + 0.12 * middle, 0.3 * abdomen) - 0.2 * layers_.airways.values[pixel];
    sum += 0.1 * layers_.breasts.values[pixel] + 0.09 * layers_.shoulders.values[pixel] - 0.25 * layers_.stomach.values[pixel];
    sum += bones(p, pixel) + 0.15 * layers_.vessels.values[pixel] * lung + 0.03 * texture_.layered(9 * p.x, 9 * p.y, 4);
    return std::max(sum, 0.0);
  }

 private:
  double air_depth(Point p) const {  // lungs are thickest in their middle, thin at apex and borders
    const double wall = chest_.wall(p.y), middle = 0.5 * (wall + 0.12), half = std::max(0.08, 0.5 * (wall - 0.12));
    const double across = std::clamp((std::abs(p.x) - middle) / half, -1.0, 1.0), down = smoothstep(chest_.apex - 0.1, chest_.apex + 0.3, p.y);
    return (0.7 + 0.3 * std::sqrt(1 - across * across)) * (0.75 + 0.25 * down);
  }
  double opacity(Point p, size_t pixel) const {
    const double filled = layers_.opacity.values[pixel];
    if (filled <= 0) return 0;
    // Patchy: alveoli filled with fluid beside others that still hold air.
    return filled * chest_.aeration * std::clamp(0.74 + 0.75 * texture_.layered(8 * p.x + 31, 8 * p.y, 2), 0.1, 1.15);
  }
  double bones(Point p, size_t pixel) const {
    const double beside = (p.x - chest_.spine(p.y)) / chest_.spine_width, phase = 2 * M_PI * p.y / chest_.vertebra;
    const double disc = smoothstep(0.55, 0.95, std::cos(phase));
    const double spine = smoothstep(1.3, 0.8, std::abs(beside)) * (0.13 - 0.05 * disc) + 0.05 * std::exp(-std::pow((std::abs(beside) - 0.6) / 0.2, 2)) * (1 - disc);
    const double below = smoothstep(0, 0.1, p.y - chest_.diaphragm(p.x));  // ribs hardly show over the abdomen
    const double back = 0.18 * layers_.posterior_ribs.values[pixel] * (1 - 0.5 * below), front = 0.1 * layers_.anterior_ribs.values[pixel] * (1 - 0.8 * below);
    return chest_.bone * (spine + std::max(back, front) + 0.6 * std::min(back, front) + 0.18 * layers_.long_bones.values[pixel]);
  }

  const ChestAnatomy& chest_;
  const ChestLayers& layers_;
  NoiseField texture_;
};

/// Blackening of the film, turned around as radiologists read it: 0 black .. 1 white.
double develop(const ChestCamera& camera, double attenuation, double u) {
  const double window = (attenuation * (1 - 0.5 * camera.scatter) + 0.6 * camera.scatter + camera.slope * u - camera.window_low) / (camera.window_high - camera.window_low);
  const double curved = (1 - std::exp(-camera.shoulder * std::max(0.0, window))) / (1 - std::exp(-camera.shoulder));
  return std::pow(std::clamp(curved, 0.0, 1.0), camera.gamma);
}

double collimator(const ChestCamera& camera, double u, double v) {  // u, v: shares of the picture
  const double x = u + camera.collimator_angle * v, y = v - camera.collimator_angle * u;
  return smoothstep(0, 0.006, x - camera.left) * smoothstep(0, 0.006, y - camera.top) * smoothstep(0, 0.006, 1 - camera.right - x) *
         smoothstep(0, 0.006, 1 - camera.bottom - y);
}

}  // namespace

Image render_cxr(const Draws& draws, uint64_t patient, uint64_t image, int grade, int64_t size) {
  RandomStream shot = draws.purpose("camera").stream(image), grain = draws.purpose("grain").stream(image);
  const ChestCamera camera = draw_camera(shot, size);
  const ChestAnatomy chest = draw_chest_anatomy(draws.purpose("anatomy").stream(patient));
  ChestLayers layers(size);
  draw_layers(chest, camera, layers);
  if (grade > 0) draw_all(layers.opacity, camera.view, draw_opacities(chest, draws.purpose("lesions").stream(patient)));
  const Attenuation attenuation(chest, layers);
  Plane film(size, size);
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const size_t pixel = static_cast<size_t>(y * size + x);
      const Point p = camera.view.to_scene(static_cast<double>(x), static_cast<double>(y));
      const double u = (static_cast<double>(x) + 0.5) / static_cast<double>(size), v = (static_cast<double>(y) + 0.5) / static_cast<double>(size);
      const double gray = develop(camera, attenuation(p, pixel), u - 0.5);
      film.values[pixel] = static_cast<float>((gray + (0.97 - gray) * 0.85 * layers.metal.values[pixel]) * collimator(camera, u, v));
    }
  }
  blur(film, camera.sharpness * camera.view.scale());
  add_noise(film, camera.noise, grain);
  Image picture(size, size);
  for (size_t i = 0; i < film.values.size(); ++i) {
    const auto level = static_cast<uint8_t>(std::lround(255 * std::clamp<double>(film.values[i], 0, 1)));
    for (size_t c = 0; c < 3; ++c) picture.pixels[3 * i + c] = level;
  }
  return picture;
}

}  // namespace defound::phantom

#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "defound/core/random.h"

namespace defound::phantom {

struct Point {
  double x = 0, y = 0;
};

/// 0 below `low`, 1 above `high`, smooth in between.
inline double smoothstep(double low, double high, double value) {
  const double t = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

/// Where a camera sees the scene: rotate, mirror, scale and shift from scene units to pixels and back.
class View {
 public:
  /// `center`: the scene point that falls on pixel (x0, y0); `scale`: pixels per scene unit.
  View(Point center, double scale, double angle, bool mirror, double x0, double y0);
  Point to_pixel(Point scene) const;
  Point to_scene(double x, double y) const;
  double scale() const { return scale_; }

 private:
  Point center_;
  double scale_, cosine_, sine_, side_, x0_, y0_;
};

/// One channel of float pixels that shapes are drawn on.
struct Plane {
  int64_t width = 0, height = 0;
  std::vector<float> values;

  Plane(int64_t width, int64_t height, float value = 0) : width(width), height(height), values(static_cast<size_t>(width * height), value) {}
  float& at(int64_t x, int64_t y) { return values[static_cast<size_t>(y * width + x)]; }
  float at(int64_t x, int64_t y) const { return values[static_cast<size_t>(y * width + x)]; }
};

/// A line through points with a radius at each, in scene units.
struct Stroke {
  std::vector<Point> points;
  std::vector<double> radii;
};

enum class Profile {
  kSolid,  ///< flat with an antialiased border
  kTube,   ///< thickness of a filled cylinder: highest in the middle
  kShell,  ///< thickness of a hollow bone: highest near the border
};

/// Raises pixels to `value` along the stroke (the larger of old and new stays, so that joints do not add up). Lines
/// thinner than a pixel fade instead of vanishing.
void draw_stroke(Plane& plane, const View& view, const Stroke& stroke, double value, Profile profile);

/// A round patch with an uneven border, in scene units.
struct Blob {
  Point center;
  double radius = 0, stretch = 1, angle = 0;  ///< the half axes are radius * stretch along `angle`, and radius / stretch
  double softness = 0.3;                      ///< width of the border as a share of the radius
  double roughness = 0;                       ///< depth of the border's waves as a share of the radius
  uint64_t key = 0;                           ///< of the waves
  double strength = 1;                        ///< factor on the value drawn
};

/// Raises pixels to `value` inside the blob (the larger stays).
void draw_blob(Plane& plane, const View& view, const Blob& blob, double value);

/// Gaussian blur with borders repeated; `sigma` in pixels, below 0.2 nothing happens.
void blur(Plane& plane, double sigma);

/// Adds noise of about a normal distribution to each pixel.
void add_noise(Plane& plane, double deviation, RandomStream& stream);

/// A smooth curve (Catmull-Rom) through the points, `pieces` straight pieces between two of them.
std::vector<Point> smooth_curve(const std::vector<Point>& points, int pieces);

}  // namespace defound::phantom

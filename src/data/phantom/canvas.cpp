#include "defound/data/phantom/canvas.h"

#include <cmath>

#include "defound/data/phantom/noise_field.h"

namespace defound::phantom {
namespace {

struct Box {
  int64_t left, top, right, bottom;  // pixels left..right, top..bottom
};

Box clip(const Plane& plane, double left, double top, double right, double bottom) {
  const auto bound = [](double value, int64_t most) { return static_cast<int64_t>(std::clamp(value, -1.0, static_cast<double>(most))); };
  return {std::max<int64_t>(0, bound(std::floor(left), plane.width)), std::max<int64_t>(0, bound(std::floor(top), plane.height)),
          std::min(plane.width - 1, bound(std::ceil(right), plane.width)), std::min(plane.height - 1, bound(std::ceil(bottom), plane.height))};
}

double thickness(Profile profile, double share) {  // share of the radius, 0 in the middle
  const double inside = std::max(0.0, 1 - share * share);
  switch (profile) {
    case Profile::kSolid: return 1;
    case Profile::kTube: return 0.35 + 0.65 * std::sqrt(inside);
    case Profile::kShell: return 0.55 + 0.45 * share * share;
  }
  return 1;
}

void draw_segment(Plane& plane, Point from, Point to, double from_radius, double to_radius, double value, Profile profile) {
  const double reach = std::max({from_radius, to_radius, 0.5}) + 0.5;
  const Box box = clip(plane, std::min(from.x, to.x) - reach, std::min(from.y, to.y) - reach, std::max(from.x, to.x) + reach,
                       std::max(from.y, to.y) + reach);
  const double dx = to.x - from.x, dy = to.y - from.y, square = std::max(dx * dx + dy * dy, 1e-12);
  for (int64_t y = box.top; y <= box.bottom; ++y) {
    for (int64_t x = box.left; x <= box.right; ++x) {
      const double px = static_cast<double>(x) - from.x, py = static_cast<double>(y) - from.y;
      const double t = std::clamp((px * dx + py * dy) / square, 0.0, 1.0);
      const double radius = from_radius + (to_radius - from_radius) * t, wide = std::max(radius, 0.5);
      const double away = std::hypot(px - t * dx, py - t * dy);
      const double cover = std::clamp(wide - away + 0.5, 0.0, 1.0) * std::min(1.0, 2 * radius);
      if (cover <= 0) continue;
      float& pixel = plane.at(x, y);
      pixel = std::max(pixel, static_cast<float>(value * cover * thickness(profile, std::min(1.0, away / wide))));
    }
  }
}

}  // namespace

View::View(Point center, double scale, double angle, bool mirror, double x0, double y0)
    : center_(center), scale_(scale), cosine_(std::cos(angle)), sine_(std::sin(angle)), side_(mirror ? -1 : 1), x0_(x0), y0_(y0) {}

Point View::to_pixel(Point scene) const {
  const double x = side_ * (scene.x - center_.x) * scale_, y = (scene.y - center_.y) * scale_;
  return {x0_ + cosine_ * x - sine_ * y, y0_ + sine_ * x + cosine_ * y};
}

Point View::to_scene(double x, double y) const {
  const double dx = (x - x0_) / scale_, dy = (y - y0_) / scale_;
  return {center_.x + side_ * (cosine_ * dx + sine_ * dy), center_.y - sine_ * dx + cosine_ * dy};
}

void draw_stroke(Plane& plane, const View& view, const Stroke& stroke, double value, Profile profile) {
  for (size_t i = 0; i + 1 < stroke.points.size(); ++i) {
    draw_segment(plane, view.to_pixel(stroke.points[i]), view.to_pixel(stroke.points[i + 1]), stroke.radii[i] * view.scale(),
                 stroke.radii[i + 1] * view.scale(), value, profile);
  }
}

void draw_blob(Plane& plane, const View& view, const Blob& blob, double value) {
  const double along = blob.radius * blob.stretch, across = blob.radius / blob.stretch;
  const double pixel_share = 1 / std::max(1e-9, std::min(along, across) * view.scale());
  const double soft = std::max(blob.softness, pixel_share);
  const double faint = blob.strength * std::min(1.0, 2 / pixel_share);  // thinner than a pixel: fade
  const double reach = std::max(along, across) * (1 + soft + blob.roughness) * view.scale() + 1;
  const Point middle = view.to_pixel(blob.center);
  const Box box = clip(plane, middle.x - reach, middle.y - reach, middle.x + reach, middle.y + reach);
  const double cosine = std::cos(blob.angle), sine = std::sin(blob.angle);
  const NoiseField waves(blob.key);
  for (int64_t y = box.top; y <= box.bottom; ++y) {
    for (int64_t x = box.left; x <= box.right; ++x) {
      const Point scene = view.to_scene(static_cast<double>(x), static_cast<double>(y));
      const double dx = scene.x - blob.center.x, dy = scene.y - blob.center.y;
      const double u = (cosine * dx + sine * dy) / along, v = (cosine * dy - sine * dx) / across;
      double share = std::hypot(u, v);
      if (share > 1 + soft + 2 * blob.roughness) continue;
      if (blob.roughness > 0) share += blob.roughness * waves.layered(1.7 * u + 5, 1.7 * v + 5, 3);
      const double cover = smoothstep(1 + soft / 2, 1 - soft / 2, share);
      float& pixel = plane.at(x, y);
      pixel = std::max(pixel, static_cast<float>(value * faint * cover));
    }
  }
}

void blur(Plane& plane, double sigma) {
  if (sigma < 0.2) return;
  const int64_t reach = static_cast<int64_t>(std::ceil(3 * sigma));
  std::vector<float> weights;
  double sum = 0;
  for (int64_t i = -reach; i <= reach; ++i) sum += std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma));
  for (int64_t i = -reach; i <= reach; ++i) weights.push_back(static_cast<float>(std::exp(-0.5 * static_cast<double>(i * i) / (sigma * sigma)) / sum));
  const auto pass = [&](const std::vector<float>& from, std::vector<float>& to, int64_t lines, int64_t length, int64_t line_step, int64_t step) {
    std::vector<float> line(static_cast<size_t>(length + 2 * reach));
    for (int64_t n = 0; n < lines; ++n) {
      for (int64_t i = -reach; i < length + reach; ++i) line[i + reach] = from[n * line_step + std::clamp<int64_t>(i, 0, length - 1) * step];
      for (int64_t i = 0; i < length; ++i) {
        float total = 0;
        for (size_t k = 0; k < weights.size(); ++k) total += weights[k] * line[i + k];
        to[n * line_step + i * step] = total;
      }
    }
  };
  std::vector<float> rows(plane.values.size());
  pass(plane.values, rows, plane.height, plane.width, plane.width, 1);
  pass(rows, plane.values, plane.width, plane.height, 1, plane.width);
}

void add_noise(Plane& plane, double deviation, RandomStream& stream) {
  const double scale = deviation / (255 * std::sqrt(4 / 12.0));  // a sum of four even draws is close to normal
  for (float& value : plane.values) {
    const uint32_t bits = stream.bits();
    const int sum = static_cast<int>((bits & 255) + ((bits >> 8) & 255) + ((bits >> 16) & 255) + (bits >> 24));
    value += static_cast<float>(scale * (sum - 510));
  }
}

std::vector<Point> smooth_curve(const std::vector<Point>& points, int pieces) {
  std::vector<Point> curve;
  const auto last = static_cast<int64_t>(points.size()) - 1;
  const auto at = [&](int64_t i) { return points[static_cast<size_t>(std::clamp<int64_t>(i, 0, last))]; };
  for (int64_t i = 0; i < last; ++i) {
    const Point a = at(i - 1), b = at(i), c = at(i + 1), d = at(i + 2);
    for (int k = 0; k < pieces; ++k) {
      const double t = static_cast<double>(k) / pieces, t2 = t * t, t3 = t2 * t;
      const auto blend = [&](double p, double q, double r, double s) {
        return 0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t2 + (3 * q - p - 3 * r + s) * t3);
      };
      curve.push_back({blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)});
    }
  }
  curve.push_back(points.back());
  return curve;
}

}  // namespace defound::phantom

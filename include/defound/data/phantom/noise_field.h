#pragma once
#include <cmath>
#include <cstdint>

namespace defound::phantom {

/// A smooth random function of the plane with values in about [-1, 1]: random numbers on a lattice of unit cells,
/// interpolated (value noise). What it is depends on the key only, so a camera may look at it from anywhere.
class NoiseField {
 public:
  explicit NoiseField(uint64_t key) : key_(key) {}

  double operator()(double x, double y) const {
    const double left = std::floor(x), top = std::floor(y);
    const auto column = static_cast<int64_t>(left), row = static_cast<int64_t>(top);
    const double u = ease(x - left), v = ease(y - top);
    const double upper = mix(corner(column, row), corner(column + 1, row), u);
    const double lower = mix(corner(column, row + 1), corner(column + 1, row + 1), u);
    return mix(upper, lower, v);
  }

  /// Octaves of halved size and halved height on top of each other.
  double layered(double x, double y, int octaves) const {
    double sum = 0, height = 0.5, size = 1;
    for (int octave = 0; octave < octaves; ++octave, height *= 0.5, size *= 2) {
      sum += height * (*this)(x * size + 17.3 * octave, y * size - 9.1 * octave);
    }
    return 1.5 * sum;
  }

 private:
  static double ease(double t) { return t * t * t * (t * (t * 6 - 15) + 10); }
  static double mix(double a, double b, double t) { return a + (b - a) * t; }
  double corner(int64_t column, int64_t row) const {
    uint64_t bits = key_ ^ (static_cast<uint64_t>(column) * 0x9e3779b97f4a7c15ULL) ^ (static_cast<uint64_t>(row) * 0xc2b2ae3d27d4eb4fULL);
    bits = (bits ^ (bits >> 31)) * 0xbf58476d1ce4e5b9ULL;
    bits ^= bits >> 29;
    return static_cast<double>(bits >> 11) * 0x1p-52 - 1;
  }
  uint64_t key_;
};

}  // namespace defound::phantom

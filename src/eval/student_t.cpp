#include "defound/eval/student_t.h"

#include <cmath>

namespace defound {
namespace {

/// Continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's method.
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  double numerator = 1, denominator = 1 - (a + b) * x / (a + 1);
  if (std::abs(denominator) < tiny) denominator = tiny;
  denominator = 1 / denominator;
  double value = denominator;
  for (int m = 1; m < 10000; ++m) {
    double change = 1;
    for (int odd = 0; odd < 2; ++odd) {
      const double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      denominator = 1 + term * denominator, numerator = 1 + term / numerator;
      if (std::abs(denominator) < tiny) denominator = tiny;
      if (std::abs(numerator) < tiny) numerator = tiny;
      denominator = 1 / denominator;
      change = denominator * numerator;
      value *= change;
    }
    if (std::abs(change - 1) < 1e-16) break;
  }
  return value;
}

/// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

double student_t_cdf(double t, double dof) {
  if (t * t < dof) {  // near the middle, where 1 - tail would lose digits
    const double from_middle = incomplete_beta(0.5, dof / 2, t * t / (dof + t * t)) / 2;
    return t > 0 ? 0.5 + from_middle : 0.5 - from_middle;
  }
  const double tail = incomplete_beta(dof / 2, 0.5, dof / (dof + t * t)) / 2;
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double p, double dof) {
  double low = -1, high = 1;
  while (student_t_cdf(low, dof) > p) low *= 2;
  while (student_t_cdf(high, dof) < p) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-15 * std::abs(high); ++i) {
    const double middle = low + (high - low) / 2;
    (student_t_cdf(middle, dof) < p ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace defound

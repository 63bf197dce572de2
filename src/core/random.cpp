#include "defound/core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace defound {
namespace {

uint64_t mix(uint64_t value) {  // splitmix64's finalizer
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

uint64_t hash(std::string_view text) {  // FNV-1a
  uint64_t value = 0xcbf29ce484222325ULL;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return value;
}

/// Logarithm of a Gamma(shape, 1) variate (Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS
/// 26, 2000); shapes below 1 by their section 6, in logarithms, so that small ones do not underflow.
double log_gamma_variate(RandomStream& stream, double shape) {
  const double boost = shape < 1 ? std::log(1.0 - stream.uniform()) / shape : 0.0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1.0 / std::sqrt(9 * d);
  for (;;) {
    const double x = stream.normal(), root = 1.0 + c * x, v = root * root * root;
    if (v <= 0) continue;
    if (std::log(1.0 - stream.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v) + boost;
  }
}

}  // namespace

std::array<uint32_t, 4> philox(uint64_t key, std::array<uint32_t, 4> counter) {
  uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = 0xD2511F53ULL * counter[0], product1 = 0xCD9E8D57ULL * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  return counter;
}

uint32_t RandomStream::bits() {
  if (used_ == 4) {
    words_ = philox(key_, {static_cast<uint32_t>(id_), static_cast<uint32_t>(id_ >> 32), static_cast<uint32_t>(block_),
                           static_cast<uint32_t>(block_ >> 32)});
    ++block_;
    used_ = 0;
  }
  return words_[used_++];
}

double RandomStream::uniform() {
  const uint64_t high = bits() >> 5, low = bits() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

double RandomStream::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double RandomStream::beta(double a, double b) {
  const double first = log_gamma_variate(*this, a), second = log_gamma_variate(*this, b);
  return 1.0 / (1.0 + std::exp(second - first));
}

uint64_t RandomStream::below(uint64_t n) {
  const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  for (;;) {
    const uint64_t value = (static_cast<uint64_t>(bits()) << 32) | bits();
    if (value < limit) return value % n;
  }
}

Draws::Draws(uint64_t seed, std::string_view purpose) : key_(mix(seed) ^ hash(purpose)) { key_ = mix(key_); }

Draws Draws::purpose(std::string_view name) const { return Draws(mix(key_ ^ hash(name))); }

std::vector<int64_t> permutation(int64_t n, const Draws& draws, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  RandomStream stream = draws.stream(static_cast<uint64_t>(epoch));
  for (int64_t i = n - 1; i > 0; --i) std::swap(order[i], order[stream.below(static_cast<uint64_t>(i) + 1)]);
  return order;
}

}  // namespace defound

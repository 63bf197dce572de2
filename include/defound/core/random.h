#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace defound {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): 128 random bits for
/// each (key, counter), with no state.
std::array<uint32_t, 4> philox(uint64_t key, std::array<uint32_t, 4> counter);

/// A short-lived sequence of random numbers; a value object made by Draws::stream.
class RandomStream {
 public:
  RandomStream(uint64_t key, uint64_t id) : key_(key), id_(id) {}
  uint32_t bits();
  double uniform();                          ///< in [0, 1), 53 bits
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal();                           ///< standard normal (Box-Muller)
  double beta(double a, double b);           ///< Beta(a, b), in [0, 1]; a, b > 0
  uint64_t below(uint64_t n);                ///< 0 .. n-1, unbiased; n > 0
  bool chance(double p) { return uniform() < p; }

 private:
  uint64_t key_, id_;
  uint64_t block_ = 0;
  int used_ = 4;
  std::array<uint32_t, 4> words_{};
};

/// Counter-based randomness: what is drawn for `id` depends on (seed, purpose, id) only, never on the order of
/// calls, the batch, the worker or the rank. Cheap to copy. Tensors of draws: tensor/random_tensor.h.
class Draws {
 public:
  Draws(uint64_t seed, std::string_view purpose);
  /// Draws for another use of the same seed, for example "mask" or "drop_path.3".
  Draws purpose(std::string_view name) const;
  RandomStream stream(uint64_t id) const { return RandomStream(key_, id); }
  uint64_t key() const { return key_; }

 private:
  explicit Draws(uint64_t key) : key_(key) {}
  uint64_t key_;
};

/// A random order of 0..n-1 that depends on (draws, epoch) only.
std::vector<int64_t> permutation(int64_t n, const Draws& draws, int64_t epoch);

/// The id under which sample `index` is drawn in `epoch`: unique over both.
inline uint64_t sample_id(int64_t epoch, int64_t index) {
  return (static_cast<uint64_t>(epoch) << 40) | static_cast<uint64_t>(index);
}
/// The index in such an id.
inline int64_t sample_index(uint64_t id) { return static_cast<int64_t>(id & ((uint64_t{1} << 40) - 1)); }

}  // namespace defound

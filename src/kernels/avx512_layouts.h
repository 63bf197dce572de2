#pragma once
#include <cstdint>
#include <memory>
#include <new>

// What the kernels for AVX512-BF16 read and write: bf16 in pairs, of neighbours along the index that is summed.
namespace defound::avx512 {

constexpr int64_t kLanes = 16;  // of a register
using Bf16 = uint16_t;          // its bits
using Pair = uint32_t;          // two bf16, the first in the lower half

/// Whether this processor has the instructions.
bool runs_here();

/// Of a row of `size` elements in whole registers.
constexpr int64_t lanes_of(int64_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

/// `count` rows, `stride` elements apart.
template <class Element>
struct Rows {
  Element* first;
  int64_t stride, count;
  Element* operator[](int64_t i) const { return first + i * stride; }
};

/// Up to `lanes` rows -> [size / 2][lanes], pairs of elements, zeros behind the last row; and back.
void rows_to_block(const Rows<const Bf16>& rows, int64_t size, int64_t lanes, Pair* to);
void block_to_rows(const Pair* from, int64_t size, int64_t lanes, const Rows<Bf16>& rows);
/// -> [pairs][lanes]: of two neighbouring rows, zeros behind the last row and behind `size`.
void pair_rows(const Rows<const Bf16>& rows, int64_t size, int64_t pairs, int64_t lanes, Pair* to);
/// `count` values, a multiple of kLanes.
void round_to_pairs(const float* values, int64_t count, Pair* to);

/// Memory at a register's boundary, not filled.
template <class Value>
class Scratch {
 public:
  explicit Scratch(int64_t count) : values_(static_cast<Value*>(::operator new(static_cast<size_t>(count) * sizeof(Value), kBoundary))) {}
  Value* data() const { return values_.get(); }

 private:
  static constexpr std::align_val_t kBoundary{64};
  struct Free {
    void operator()(Value* values) const { ::operator delete(values, kBoundary); }
  };
  std::unique_ptr<Value, Free> values_;
};

}  // namespace defound::avx512

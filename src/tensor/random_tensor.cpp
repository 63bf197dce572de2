#include "defound/tensor/random_tensor.h"

#include <ATen/Parallel.h>

namespace defound {
namespace {

/// Rows are independent, so threads may share them.
template <class Value, class FillRow>
torch::Tensor fill_rows(std::span<const uint64_t> ids, torch::IntArrayRef shape, torch::Dtype dtype, FillRow fill_row) {
  std::vector<int64_t> sizes{static_cast<int64_t>(ids.size())};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  torch::Tensor rows = torch::empty(sizes, dtype);
  const int64_t width = rows.numel() / std::max<int64_t>(1, rows.size(0));
  Value* values = rows.data_ptr<Value>();
  at::parallel_for(0, rows.size(0), std::max<int64_t>(1, 4096 / std::max<int64_t>(1, width)), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) fill_row(ids[static_cast<size_t>(row)], values + row * width, width);
  });
  return rows;
}

/// A row from the id's own stream, value after value.
template <class Value, class Draw>
auto by_stream(const Draws& draws, Draw draw) {
  return [&draws, draw](uint64_t id, Value* values, int64_t width) {
    RandomStream stream = draws.stream(id);
    for (int64_t i = 0; i < width; ++i) values[i] = static_cast<Value>(draw(stream));
  };
}

}  // namespace

torch::Tensor random_normal(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape) {
  return fill_rows<float>(ids, shape, torch::kFloat32, by_stream<float>(draws, [](RandomStream& s) { return s.normal(); }));
}

torch::Tensor random_uniform(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape) {
  // 24 bits, so that the fp32 value stays below 1
  return fill_rows<float>(ids, shape, torch::kFloat32, by_stream<float>(draws, [](RandomStream& s) { return static_cast<float>(s.bits() >> 8) * 0x1p-24F; }));
}

torch::Tensor random_integers(const Draws& draws, std::span<const uint64_t> ids, int64_t n, torch::IntArrayRef shape) {
  return fill_rows<int64_t>(ids, shape, torch::kInt64, by_stream<int64_t>(draws, [n](RandomStream& s) { return s.below(static_cast<uint64_t>(n)); }));
}

}  // namespace defound

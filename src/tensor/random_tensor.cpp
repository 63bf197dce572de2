#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

template <class Value, class Draw>
torch::Tensor fill_rows(std::span<const uint64_t> ids, torch::IntArrayRef shape, torch::Dtype dtype, const Draws& draws, Draw draw) {
  std::vector<int64_t> sizes{static_cast<int64_t>(ids.size())};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  torch::Tensor rows = torch::empty(sizes, dtype);
  const int64_t width = rows.numel() / std::max<int64_t>(1, rows.size(0));
  Value* values = rows.data_ptr<Value>();
  for (const uint64_t id : ids) {
    RandomStream stream = draws.stream(id);
    for (int64_t i = 0; i < width; ++i) *values++ = static_cast<Value>(draw(stream));
  }
  return rows;
}

}  // namespace

torch::Tensor random_normal(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape) {
  return fill_rows<float>(ids, shape, torch::kFloat32, draws, [](RandomStream& s) { return s.normal(); });
}

torch::Tensor random_uniform(const Draws& draws, std::span<const uint64_t> ids, torch::IntArrayRef shape) {
  // 24 bits, so that the fp32 value stays below 1
  return fill_rows<float>(ids, shape, torch::kFloat32, draws, [](RandomStream& s) { return static_cast<float>(s.bits() >> 8) * 0x1p-24F; });
}

torch::Tensor random_integers(const Draws& draws, std::span<const uint64_t> ids, int64_t n, torch::IntArrayRef shape) {
  return fill_rows<int64_t>(ids, shape, torch::kInt64, draws, [n](RandomStream& s) { return s.below(static_cast<uint64_t>(n)); });
}

}  // namespace defound

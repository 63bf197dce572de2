#pragma once
#include <torch/torch.h>

#include <vector>

namespace defound {

/// A layer's weight once more, in the layout that oneDNN's CPU kernels read, for layers whose weights no longer change. LibTorch
/// lays a plain weight out anew in every call, which for many channels and few pixels takes longer than the product itself.
/// The same sums, in fp32 and bf16; for twice the memory of the weights. Does nothing until keep() is called.
class PackedWeight {
 public:
  /// From now on the layer's weight stays as it is. It is packed when it is first used.
  void keep() { kept_ = true; }
  bool is_kept() const { return kept_; }
  /// Whether a call with this input takes the packed weight: one on an x86 CPU that no gradient flows through.
  bool serves(const torch::Tensor& x, const torch::Tensor& weight) const;
  /// As torch::linear and torch::conv2d, for inputs that it serves.
  torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);
  torch::Tensor conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding);

 private:
  bool is_of(const torch::Tensor& weight) const;
  void remember(const torch::Tensor& weight, torch::Tensor packed);
  torch::Tensor product(const torch::Tensor& x, const torch::Tensor& bias) const;
  torch::Tensor conv2d_of_few_pixels(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding);
  bool kept_ = false;
  torch::Tensor packed_;
  std::vector<int64_t> taps_;      ///< of a kernel, first row to last column, that `packed_` holds as a matrix; none: it is a kernel
  const void* source_ = nullptr;   ///< of the weight that was packed: a cast or moved one is packed again
};

/// keep() for all linear layers and convolutions of a model that only computes from now on.
void pack_weights(torch::nn::Module& model);

}  // namespace defound

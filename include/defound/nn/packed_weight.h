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
  /// Whether this weight, as it is now, is the one that was packed.
  bool is_of(const torch::Tensor& weight) const;
  /// Whether a call with this input takes the packed weight: one on an x86 CPU that no gradient flows through.
  bool serves(const torch::Tensor& x, const torch::Tensor& weight) const;
  /// As torch::linear and torch::conv2d, for inputs that it serves.
  torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);
  torch::Tensor conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding);

 private:
  enum class Layout { kMatrix, kKernel, kTaps };
  bool holds(const torch::Tensor& weight, Layout layout) const { return is_of(weight) && layout_ == layout; }
  void remember(const torch::Tensor& weight, Layout layout, torch::Tensor packed);
  torch::Tensor product(const torch::Tensor& x, const torch::Tensor& bias) const;
  torch::Tensor conv2d_of_few_pixels(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding);
  bool kept_ = false;
  torch::Tensor packed_;
  Layout layout_ = Layout::kMatrix;
  std::vector<int64_t> taps_;      ///< of a kernel, first row to last column, that `packed_` holds as a matrix
  c10::weak_intrusive_ptr<c10::StorageImpl> source_{c10::intrusive_ptr<c10::StorageImpl>()};   ///< of the weight that was packed,
  uint32_t version_ = 0;                                                                       ///< and its state: another is packed again
};

/// keep() for all linear layers and convolutions of a model that only computes from now on.
void pack_weights(torch::nn::Module& model);

}  // namespace defound

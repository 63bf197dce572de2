#include "defound/nn/packed_weight.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include "defound/nn/layers.h"

namespace defound {
namespace {

// LibTorch's own operators for weights laid out ahead, which its compiler for Python uses; they have no header.
using NoScalars = c10::List<std::optional<at::Scalar>>;
using ReorderLinear = torch::Tensor(const torch::Tensor&, std::optional<int64_t>);
using LinearPointwise = torch::Tensor(const torch::Tensor&, const torch::Tensor&, const std::optional<torch::Tensor>&, std::string_view,
                                      NoScalars, std::optional<std::string_view>);
using ConvolutionPointwise = torch::Tensor(const torch::Tensor&, const torch::Tensor&, const std::optional<torch::Tensor>&, at::IntArrayRef, at::IntArrayRef,
                                           at::IntArrayRef, int64_t, std::string_view, NoScalars, std::optional<std::string_view>);

struct Operators {
  std::optional<c10::OperatorHandle> reorder_linear = find("mkldnn::_reorder_linear_weight"), linear = find("mkldnn::_linear_pointwise"),
                                     convolution = find("mkldnn::_convolution_pointwise");
  bool all = reorder_linear && linear && convolution && at::globalContext().hasMKLDNN();

  static std::optional<c10::OperatorHandle> find(const char* name) { return c10::Dispatcher::singleton().findSchema({name, ""}); }
  static const Operators& get() {
    static const Operators operators;
    return operators;
  }
};

bool computes_in(torch::Dtype type) {
#if defined(__x86_64__)
  return type == torch::kFloat32 || (type == torch::kBFloat16 && __builtin_cpu_supports("avx512bf16"));
#else
  (void)type;
  return false;
#endif
}

constexpr int64_t kFewPixels = 16;  // of a convolution's output

/// Of a kernel's side along one of the image's.
int64_t positions(int64_t pixels, int64_t kernel, int64_t stride, int64_t padding) { return (pixels + 2 * padding - kernel) / stride + 1; }

/// Whether the kernel's row (or column) `tap` lies on the image at any of its positions.
bool sees_pixels(int64_t tap, int64_t pixels, int64_t count, int64_t stride, int64_t padding) {
  for (int64_t i = 0; i < count; ++i)
    if (const int64_t at = i * stride + tap - padding; at >= 0 && at < pixels) return true;
  return false;
}

/// [out, in] for products of about `rows` rows.
torch::Tensor pack_matrix(const torch::Tensor& matrix, int64_t rows) { return Operators::get().reorder_linear->typed<ReorderLinear>().call(matrix, rows); }

std::optional<torch::Tensor> given(const torch::Tensor& bias) { return bias.defined() ? std::optional(bias) : std::nullopt; }

}  // namespace

bool PackedWeight::serves(const torch::Tensor& x, const torch::Tensor& weight) const {
  if (!kept_ || !x.is_cpu() || x.scalar_type() != weight.scalar_type() || x.numel() == 0 || !computes_in(weight.scalar_type())) return false;
  if (torch::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad())) return false;
  return at::globalContext().userEnabledMkldnn() && Operators::get().all;
}

bool PackedWeight::is_of(const torch::Tensor& weight) const {
  return packed_.defined() && source_.lock().get() == weight.storage().unsafeGetStorageImpl() && version_ == weight._version();
}

void PackedWeight::remember(const torch::Tensor& weight, Layout layout, torch::Tensor packed) {
  packed_ = std::move(packed);
  layout_ = layout;
  source_ = c10::weak_intrusive_ptr<c10::StorageImpl>(weight.storage().getWeakStorageImpl());
  version_ = static_cast<uint32_t>(weight._version());
}

torch::Tensor PackedWeight::product(const torch::Tensor& x, const torch::Tensor& bias) const {
  return Operators::get().linear->typed<LinearPointwise>().call(x, packed_, given(bias), "none", NoScalars(), "");
}

torch::Tensor PackedWeight::linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::NoGradGuard no_grad;
  if (!holds(weight, Layout::kMatrix)) remember(weight, Layout::kMatrix, pack_matrix(weight.detach().flatten(1), x.numel() / x.size(-1)));
  return product(x, bias);
}

torch::Tensor PackedWeight::conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding) {
  const torch::NoGradGuard no_grad;
  const bool fits = x.size(2) + 2 * padding >= weight.size(2) && x.size(3) + 2 * padding >= weight.size(3);  // else LibTorch says what is wrong
  if (fits && weight.size(2) > 1 && positions(x.size(2), weight.size(2), stride, padding) * positions(x.size(3), weight.size(3), stride, padding) <= kFewPixels)
    return conv2d_of_few_pixels(x, weight, bias, stride, padding);
  const std::vector<int64_t> strides(2, stride), paddings(2, padding), dilations(2, 1);
  if (!holds(weight, Layout::kKernel)) {
    const torch::Tensor plain = weight.detach().contiguous(torch::MemoryFormat::ChannelsLast).to_mkldnn();
    remember(weight, Layout::kKernel, at::mkldnn_reorder_conv2d_weight(plain, paddings, strides, dilations, 1, x.sizes()));
  }
  return Operators::get().convolution->typed<ConvolutionPointwise>().call(x, packed_, given(bias), paddings, strides, dilations, 1, "none", NoScalars(), "");
}

/// As one product [N H W, taps C] x [taps C, out], without the taps that see nothing but padding: oneDNN's convolutions reach
/// a third of its products' speed here, and at one pixel do nine times the work.
torch::Tensor PackedWeight::conv2d_of_few_pixels(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding) {
  const int64_t rows = weight.size(2), columns = weight.size(3), height = positions(x.size(2), rows, stride, padding), width = positions(x.size(3), columns, stride, padding);
  std::vector<int64_t> taps;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (sees_pixels(row, x.size(2), height, stride, padding) && sees_pixels(column, x.size(3), width, stride, padding)) taps.push_back(row * columns + column);
  const torch::Tensor padded = torch::constant_pad_nd(x.permute({0, 2, 3, 1}), {0, 0, padding, padding, padding, padding});    // [N, H + 2p, W + 2p, C]
  std::vector<torch::Tensor> seen;
  for (const int64_t tap : taps) {
    const int64_t row = tap / columns, column = tap % columns;
    seen.push_back(padded.slice(1, row, row + (height - 1) * stride + 1, stride).slice(2, column, column + (width - 1) * stride + 1, stride));
  }
  if (!holds(weight, Layout::kTaps) || taps_ != taps) {
    const torch::Tensor matrix = weight.detach().flatten(2).index_select(2, torch::tensor(taps)).transpose(1, 2).flatten(1);    // [out, taps C]
    remember(weight, Layout::kTaps, pack_matrix(matrix.contiguous(), x.size(0) * height * width));
    taps_ = taps;
  }
  return product(torch::cat(seen, -1), bias).permute({0, 3, 1, 2});                                                            // [N, out, H', W']
}

void pack_weights(torch::nn::Module& model) {
  for (const auto& module : model.modules(/*include_self=*/false)) {
    if (const auto linear = std::dynamic_pointer_cast<Linear>(module)) linear->packed.keep();
    if (const auto convolution = std::dynamic_pointer_cast<Conv2d>(module)) convolution->packed.keep();
  }
}

}  // namespace defound

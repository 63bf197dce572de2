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

std::optional<torch::Tensor> given(const torch::Tensor& bias) { return bias.defined() ? std::optional(bias) : std::nullopt; }

}  // namespace

bool PackedWeight::serves(const torch::Tensor& x, const torch::Tensor& weight) const {
  if (!kept_ || !x.is_cpu() || x.scalar_type() != weight.scalar_type() || x.numel() == 0 || !computes_in(weight.scalar_type())) return false;
  if (torch::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad())) return false;
  return at::globalContext().userEnabledMkldnn() && Operators::get().all;
}

bool PackedWeight::is_of(const torch::Tensor& weight) const { return packed_.defined() && source_ == weight.const_data_ptr(); }

torch::Tensor PackedWeight::linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::NoGradGuard no_grad;
  if (!is_of(weight)) {
    packed_ = Operators::get().reorder_linear->typed<ReorderLinear>().call(weight.detach(), x.numel() / x.size(-1));
    source_ = weight.const_data_ptr();
  }
  return Operators::get().linear->typed<LinearPointwise>().call(x, packed_, given(bias), "none", NoScalars(), "");
}

torch::Tensor PackedWeight::conv2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding) {
  const torch::NoGradGuard no_grad;
  const std::vector<int64_t> strides(2, stride), paddings(2, padding), dilations(2, 1);
  if (!is_of(weight)) {
    packed_ = at::mkldnn_reorder_conv2d_weight(weight.detach().contiguous(torch::MemoryFormat::ChannelsLast).to_mkldnn(), paddings, strides, dilations, 1, x.sizes());
    source_ = weight.const_data_ptr();
  }
  return Operators::get().convolution->typed<ConvolutionPointwise>().call(x, packed_, given(bias), paddings, strides, dilations, 1, "none", NoScalars(), "");
}

void pack_weights(torch::nn::Module& model) {
  for (const auto& module : model.modules(/*include_self=*/false)) {
    if (const auto linear = std::dynamic_pointer_cast<Linear>(module)) linear->packed.keep();
    if (const auto convolution = std::dynamic_pointer_cast<Conv2d>(module)) convolution->packed.keep();
  }
}

}  // namespace defound

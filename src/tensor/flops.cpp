#include "defound/tensor/flops.h"

#include <ATen/record_function.h>
#include <torch/library.h>

namespace defound {
namespace {

thread_local double* counter = nullptr;  // where this thread's count goes; set for the time of count_flops only

double product(const c10::IntArrayRef sizes) {
  double result = 1;
  for (const int64_t size : sizes) result *= static_cast<double>(size);
  return result;
}

/// Sides of a convolution's output: [N, C_out, H', W'].
std::vector<int64_t> convolution_sizes(c10::IntArrayRef input, c10::IntArrayRef weight, c10::IntArrayRef stride, c10::IntArrayRef padding,
                                       c10::IntArrayRef dilation) {
  std::vector<int64_t> sizes{input[0], weight[0]};
  for (size_t i = 2; i < input.size(); ++i) {
    const auto of = [&](c10::IntArrayRef values) { return values.size() == 1 ? values[0] : values[i - 2]; };
    sizes.push_back((input[i] + 2 * of(padding) - of(dilation) * (weight[i] - 1) - 1) / of(stride) + 1);
  }
  return sizes;
}

/// LibTorch has shapes without data for all operations that we use but this one (Python registers it there).
torch::Tensor convolution_on_meta(const torch::Tensor& input, const torch::Tensor& weight, const std::optional<torch::Tensor>&, c10::SymIntArrayRef stride,
                                  c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation, bool, c10::SymIntArrayRef, c10::SymInt) {
  return torch::empty(convolution_sizes(input.sizes(), weight.sizes(), C10_AS_INTARRAYREF_SLOW(stride), C10_AS_INTARRAYREF_SLOW(padding),
                                        C10_AS_INTARRAYREF_SLOW(dilation)),
                      input.options());
}

/// From the shapes of an operation's inputs; 0 for operations that are no products.
double operation_flops(const at::RecordFunction& record) {
  const std::string_view name = record.name();
  const auto tensor = [&](size_t i) { return record.inputs()[i].toTensor(); };
  if (name == "aten::mm" || name == "aten::bmm") return 2 * product(tensor(0).sizes()) * static_cast<double>(tensor(1).size(-1));
  if (name == "aten::addmm" || name == "aten::baddbmm") return 2 * product(tensor(1).sizes()) * static_cast<double>(tensor(2).size(-1));
  if (name != "aten::convolution") return 0;
  const auto list = [&](size_t i) { return record.inputs()[i].toIntVector(); };
  const torch::Tensor weight = tensor(1);  // [C_out, C_in / groups, kernel...]
  const auto sizes = convolution_sizes(tensor(0).sizes(), weight.sizes(), list(3), list(4), list(5));
  return 2 * product(sizes) * product(weight.sizes()) / static_cast<double>(weight.size(0));
}

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& record) {
  if (counter) *counter += operation_flops(record);
  return nullptr;
}

TORCH_LIBRARY_IMPL(aten, Meta, m) { m.impl("convolution_overrideable", convolution_on_meta); }

}  // namespace

double count_flops(const std::function<void()>& work) {
  double flops = 0;
  counter = &flops;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(on_start).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  try {
    work();
  } catch (...) {
    at::removeCallback(handle);
    counter = nullptr;
    throw;
  }
  at::removeCallback(handle);
  counter = nullptr;
  return flops;
}

int64_t count_parameters(const torch::nn::Module& model, bool trainable_only, bool buffers) {
  int64_t count = 0;
  for (const auto& parameter : model.parameters())
    if (!trainable_only || parameter.requires_grad()) count += parameter.numel();
  if (buffers) for (const auto& buffer : model.buffers()) count += buffer.numel();
  return count;
}

}  // namespace defound

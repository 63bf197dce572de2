#include "defound/tensor/flops.h"

#include <ATen/record_function.h>

namespace defound {
namespace {

thread_local double* counter = nullptr;  // where this thread's count goes; set for the time of count_flops only

double product(const c10::IntArrayRef sizes) {
  double result = 1;
  for (const int64_t size : sizes) result *= static_cast<double>(size);
  return result;
}

/// From the shapes of an operation's inputs; 0 for operations that are no products.
double operation_flops(const std::string_view name, c10::ArrayRef<const c10::IValue> inputs) {
  const auto tensor = [&](size_t i) { return inputs[i].toTensor(); };
  if (name == "aten::mm" || name == "aten::bmm") return 2 * product(tensor(0).sizes()) * static_cast<double>(tensor(1).size(-1));
  if (name == "aten::addmm" || name == "aten::baddbmm") return 2 * product(tensor(1).sizes()) * static_cast<double>(tensor(2).size(-1));
  return 0;
}

double convolution_flops(const at::RecordFunction& record) {
  const auto inputs = record.inputs();
  const torch::Tensor weight = inputs[1].toTensor();     // [C_out, C_in / groups, kernel...]
  const auto& outputs = record.outputs();
  return outputs.empty() ? 0 : 2 * product(outputs[0].toTensor().sizes()) * product(weight.sizes()) / static_cast<double>(weight.size(0));
}

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction& record) {
  if (counter) *counter += operation_flops(record.name(), record.inputs());
  return nullptr;
}

void on_end(const at::RecordFunction& record, at::ObserverContext*) {
  if (counter && std::string_view(record.name()) == "aten::convolution") *counter += convolution_flops(record);
}

}  // namespace

double count_flops(const std::function<void()>& work) {
  double flops = 0;
  counter = &flops;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(on_start, on_end).needsInputs(true).needsOutputs(true).scopes({at::RecordScope::FUNCTION}));
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

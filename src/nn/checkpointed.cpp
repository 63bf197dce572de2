#include "defound/nn/checkpointed.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace defound {
namespace {

/// What the backward pass needs beside the saved inputs.
struct HeldLayer : torch::CustomClassHolder {
  HeldLayer(RecomputableLayer compute, std::vector<torch::Tensor> parameters)
      : compute(std::move(compute)), parameters(std::move(parameters)) {}
  RecomputableLayer compute;
  std::vector<torch::Tensor> parameters;
};

/// The parameters are arguments too, so that their gradients go the usual way: summed over micro-batches, seen by hooks.
struct RecomputedLayer : torch::autograd::Function<RecomputedLayer> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const c10::intrusive_ptr<HeldLayer>& held,
                               at::TensorList arguments) {
    const size_t inputs = arguments.size() - held->parameters.size();
    const std::vector<torch::Tensor> given(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(inputs));
    context->saved_data["layer"] = c10::IValue::make_capsule(held);
    context->save_for_backward(given);
    return held->compute(given);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto held = c10::static_intrusive_pointer_cast<HeldLayer>(context->saved_data["layer"].toCapsule());
    const torch::AutoGradMode with_gradients(true);
    std::vector<torch::Tensor> inputs, sources;
    for (const torch::Tensor& saved : context->get_saved_variables()) {
      inputs.push_back(saved.detach().set_requires_grad(saved.requires_grad()));
      if (saved.requires_grad()) sources.push_back(inputs.back());
    }
    sources.insert(sources.end(), held->parameters.begin(), held->parameters.end());
    const torch::Tensor output = held->compute(inputs);
    const auto found = torch::autograd::grad({output}, sources, {gradients[0]}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    torch::autograd::variable_list result{torch::Tensor()};  // of the layer itself
    size_t next = 0;
    for (const torch::Tensor& input : inputs) result.push_back(input.requires_grad() ? found[next++] : torch::Tensor());
    result.insert(result.end(), found.begin() + static_cast<std::ptrdiff_t>(next), found.end());
    return result;
  }
};

bool needs_gradient(const std::vector<torch::Tensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const torch::Tensor& tensor) { return tensor.requires_grad(); });
}

}  // namespace

torch::Tensor checkpointed(const torch::nn::Module& module, const RecomputableLayer& compute,
                           const std::vector<torch::Tensor>& inputs) {
  std::vector<torch::Tensor> trained;
  for (const torch::Tensor& parameter : module.parameters())
    if (parameter.requires_grad()) trained.push_back(parameter);
  if (!torch::GradMode::is_enabled() || (trained.empty() && !needs_gradient(inputs))) return compute(inputs);
  std::vector<torch::Tensor> arguments = inputs;
  arguments.insert(arguments.end(), trained.begin(), trained.end());
  return RecomputedLayer::apply(c10::make_intrusive<HeldLayer>(compute, trained), at::TensorList(arguments));
}

}  // namespace defound

#pragma once
#include <torch/torch.h>

#include <functional>
#include <vector>

namespace defound {

/// One layer's computation on its inputs; called again in the backward pass, so it must give the same then: its
/// randomness comes from Draws, which have no state.
using RecomputableLayer = std::function<torch::Tensor(const std::vector<torch::Tensor>& inputs)>;

/// compute(inputs) where the backward pass recomputes what lies inside instead of keeping it (Chen et al., "Training deep
/// nets with sublinear memory cost", 2016; torch.utils.checkpoint): only the inputs are kept. Gradients are those of a
/// plain call, for the inputs and for `module`'s trained parameters, which are all that `compute` may use beside its
/// inputs. (bf16 on a CPU: nearly those, since long attention takes another kernel where no gradient is asked for.) All
/// inputs are defined. Without gradients it is a plain call.
torch::Tensor checkpointed(const torch::nn::Module& module, const RecomputableLayer& compute,
                           const std::vector<torch::Tensor>& inputs);

}  // namespace defound

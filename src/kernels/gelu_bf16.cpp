#include "defound/kernels/gelu_bf16.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "avx512_gelu.h"

namespace defound {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

avx512::Bf16* elements(const torch::Tensor& x) { return reinterpret_cast<avx512::Bf16*>(x.data_ptr<at::BFloat16>()); }

struct GeluBf16 : torch::autograd::Function<GeluBf16> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x) {
    RECORD_FUNCTION("defound::gelu_bf16", {});
    const torch::Tensor dense = x.contiguous(), out = torch::empty_like(dense);
    at::parallel_for(0, x.numel(), at::internal::GRAIN_SIZE, [&](int64_t begin, int64_t end) { avx512::gelu(elements(dense) + begin, end - begin, elements(out) + begin); });
    context->save_for_backward({dense});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("defound::gelu_bf16_backward", {});
    const torch::Tensor x = context->get_saved_variables()[0], g = gradients[0].contiguous(), out = torch::empty_like(x);
    at::parallel_for(0, x.numel(), at::internal::GRAIN_SIZE,
                     [&](int64_t begin, int64_t end) { avx512::gelu_backward(elements(x) + begin, elements(g) + begin, end - begin, elements(out) + begin); });
    return {out};
  }
};

}  // namespace

torch::Tensor gelu(const torch::Tensor& x) {
  static const bool runs = avx512::runs_here();
  return runs && x.is_cpu() && x.scalar_type() == torch::kBFloat16 ? GeluBf16::apply(x) : torch::gelu(x);
}

}  // namespace defound

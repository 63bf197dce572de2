#include "defound/kernels/linear_bf16.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "avx512_product.h"

namespace defound {
namespace {

using avx512::Bf16;
using avx512::Factor;
using avx512::kTileColumns;
using avx512::kTileRows;
using avx512::Pair;
using avx512::Scratch;

constexpr int64_t kMostSummed = 1024;       // in one part: a panel of either side stays in the second cache
constexpr int64_t kColumnPanels = 8;        // packed at once: half a megabyte
constexpr int64_t kFewRows = 64;            // for which packing the weights does not pay

int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

/// [rows, columns] = left right + bias; `row_sums` [rows], when given, are zeros to which the rows of `left` are added.
struct Product {
  Factor left, right;
  int64_t rows, columns, summed;
  const Bf16* bias;
  Bf16* out;
  float* row_sums;

  int64_t row_panels() const { return parts_of(rows, kTileRows); }
  int64_t column_panels() const { return parts_of(columns, kTileColumns); }
  int64_t depth() const { return (parts_of(summed, parts_of(summed, kMostSummed)) + 1) / 2 * 2; }  ///< of all parts but the last
};

/// All of the left factor, part after part of the sum -> [parts][row panels][pairs][kTileRows].
void pack_left(const Product& p, Pair* to) {
  at::parallel_for(0, p.row_panels(), 1, [&](int64_t begin, int64_t end) {
    const int64_t row = begin * kTileRows, count = std::min(p.rows, end * kTileRows) - row;
    for (int64_t k = 0; k < p.summed; k += p.depth()) {
      const int64_t depth = std::min(p.depth(), p.summed - k), pairs = (depth + 1) / 2;
      avx512::pack_panels(p.left.from(row, k), count, depth, kTileRows, to + (k / 2 * p.row_panels() + begin * pairs) * kTileRows);
    }
  });
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// Panels of rows and at most kColumnPanels of columns.
struct Block {
  Range rows, columns;
};

void multiply_block(const Product& p, const Pair* left, const Block& block, Pair* right, float* partial) {
  const int64_t row = block.rows.begin * kTileRows, rows = std::min(p.rows, block.rows.end * kTileRows) - row;
  const int64_t column = block.columns.begin * kTileColumns, columns = std::min(p.columns, block.columns.end * kTileColumns) - column;
  for (int64_t k = 0; k < p.summed; k += p.depth()) {
    const int64_t depth = std::min(p.depth(), p.summed - k), pairs = (depth + 1) / 2;
    const Pair* panels = left + (k / 2 * p.row_panels() + block.rows.begin * pairs) * kTileRows;
    avx512::pack_panels(p.right.from(column, k), columns, depth, kTileColumns, right);
    if (p.row_sums && column == 0) avx512::add_row_sums(panels, rows, pairs, p.row_sums + row);
    avx512::multiply_panels({.left = panels, .right = right, .rows = rows, .columns = columns, .pairs = pairs, .first = k == 0, .last = k + depth == p.summed, .partial = partial,
                             .bias = p.bias ? p.bias + column : nullptr, .out = p.out + row * p.columns + column, .stride = p.columns});
  }
}

void multiply(const Product& p) {
  const Scratch<Pair> left(p.row_panels() * kTileRows * ((p.summed + 1) / 2));
  pack_left(p, left.data());
  // As many blocks as threads, or a multiple; of fewer rows only where the columns are too few.
  const int64_t threads = at::get_num_threads(), panels = p.column_panels();
  const int64_t across = std::min(panels, parts_of(parts_of(panels, kColumnPanels), threads) * threads), down = std::min(p.row_panels(), parts_of(threads, across));
  const auto share = [](int64_t of, int64_t i, int64_t all) { return Range{i * of / all, (i + 1) * of / all}; };
  const int64_t most_rows = parts_of(p.row_panels(), down), most_columns = parts_of(panels, across);
  at::parallel_for(0, across * down, 1, [&](int64_t begin, int64_t end) {
    const Scratch<Pair> right(most_columns * kTileColumns * p.depth() / 2);
    const Scratch<float> partial(p.summed > p.depth() ? most_rows * most_columns * kTileRows * kTileColumns : 0);
    for (int64_t i = begin; i < end; ++i)
      multiply_block(p, left.data(), {share(p.row_panels(), i % down, down), share(panels, i / down, across)}, right.data(), partial.data());
  });
}

Bf16* bits(const torch::Tensor& x) { return reinterpret_cast<Bf16*>(x.data_ptr<at::BFloat16>()); }
torch::Tensor as_rows(const torch::Tensor& x) { return x.reshape({-1, x.size(-1)}).contiguous(); }
Factor along(const torch::Tensor& x) { return {bits(x), x.size(1), true}; }
Factor down(const torch::Tensor& x) { return {bits(x), x.size(1), false}; }

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct LinearBf16 : torch::autograd::Function<LinearBf16> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight, const std::optional<torch::Tensor>& bias) {
    RECORD_FUNCTION("defound::linear_bf16", {});
    const torch::Tensor rows = as_rows(x), matrix = weight.contiguous(), shift = bias ? bias->contiguous() : torch::Tensor();
    const int64_t count = rows.size(0), in = matrix.size(1), out = matrix.size(0);
    const torch::Tensor y = torch::empty({count, out}, x.options());
    multiply({along(rows), along(matrix), count, out, in, bias ? bits(shift) : nullptr, bits(y), nullptr});
    context->save_for_backward({rows, matrix});
    context->saved_data["sizes"] = x.sizes();
    context->saved_data["bias"] = bias.has_value();
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = out;
    return y.view(sizes);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("defound::linear_bf16_backward", {});
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &rows = saved[0], &matrix = saved[1], g = as_rows(gradients[0]);
    const int64_t count = rows.size(0), in = matrix.size(1), out = matrix.size(0);
    torch::Tensor to_x, to_weight, to_bias;
    if (context->needs_input_grad(0)) {
      to_x = torch::empty({count, in}, rows.options());
      multiply({along(g), down(matrix), count, in, out, nullptr, bits(to_x), nullptr});
      to_x = to_x.view(context->saved_data["sizes"].toIntVector());
    }
    const bool wants_bias = context->saved_data["bias"].toBool() && context->needs_input_grad(2);
    if (context->needs_input_grad(1)) {
      to_weight = torch::empty({out, in}, rows.options());
      const torch::Tensor sums = wants_bias ? torch::zeros({out}, rows.options().dtype(torch::kFloat32)) : torch::Tensor();
      multiply({down(g), down(rows), out, in, count, nullptr, bits(to_weight), wants_bias ? sums.data_ptr<float>() : nullptr});
      if (wants_bias) to_bias = sums.to(torch::kBFloat16);
    } else if (wants_bias) {
      to_bias = g.sum(0);
    }
    return {to_x, to_weight, to_bias};
  }
};

bool has_amx() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("amx-bf16");
#else
  return false;
#endif
}

}  // namespace

bool multiplies_in_bf16(const torch::Tensor& x, const torch::Tensor& weight) {
  static const bool runs = avx512::runs_here() && !has_amx();
  if (!runs || !x.is_cpu() || x.scalar_type() != torch::kBFloat16 || weight.scalar_type() != torch::kBFloat16) return false;
  const int64_t out = weight.size(0), in = weight.size(1);
  return x.size(-1) == in && x.numel() >= kFewRows * in && in % 2 == 0 && out % 2 == 0;
}

torch::Tensor linear_bf16(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  return LinearBf16::apply(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

}  // namespace defound

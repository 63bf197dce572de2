#include "defound/tensor/load_weights.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr size_t kMostNamed = 5;

/// What does not fit, by kind.
struct Misfits {
  std::vector<std::string> missing, surplus, wrong;
  bool none() const { return missing.empty() && surplus.empty() && wrong.empty(); }
};

std::string sizes_text(const torch::Tensor& tensor) { return fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")); }

Misfits compare(const TensorMap& wanted, const TensorMap& weights, const LoadRules& rules) {
  Misfits misfits;
  for (const auto& [name, tensor] : wanted) {
    const auto found = weights.find(name);
    if (found == weights.end()) {
      if (!has_prefix(name, rules.missing_ok)) misfits.missing.push_back(name);
    } else if (found->second.sizes() != tensor.sizes() || found->second.is_floating_point() != tensor.is_floating_point()) {
      misfits.wrong.push_back(fmt::format("{} is {} {} in the file, {} {} in the model", name, c10::toString(found->second.scalar_type()),
                                          sizes_text(found->second), c10::toString(tensor.scalar_type()), sizes_text(tensor)));
    }
  }
  for (const auto& [name, tensor] : weights)
    if (!wanted.contains(name) && !has_prefix(name, rules.surplus_ok)) misfits.surplus.push_back(name);
  return misfits;
}

bool all_begin_with(const std::vector<std::string>& names, const std::string& prefix) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& name) { return name.starts_with(prefix); });
}

bool any_contains(const std::vector<std::string>& names, const std::string& part) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name.find(part) != std::string::npos; });
}

/// The usual reason for such a misfit, as advice.
std::string likely_cause(const Misfits& misfits, size_t wanted, size_t given) {
  for (const char* wrapper : {"module.", "model.", "state_dict.", "_orig_mod.", "student.", "teacher."})
    if (misfits.surplus.size() == given && all_begin_with(misfits.surplus, wrapper))
      return fmt::format("the names begin with '{}': saved from inside a wrapper; take that prefix off (defound-weights convert)", wrapper);
  if (misfits.missing.size() == wanted) return "no name fits: the file belongs to another kind of model";
  if (misfits.wrong.empty() && misfits.surplus.empty() && all_begin_with(misfits.missing, "decoder")) return "the file holds the encoder only";
  if (all_begin_with(misfits.wrong, "pos_embed") || all_begin_with(misfits.wrong, "decoder_pos_embed")) return "made for another input_size or patch_size";
  if (all_begin_with(misfits.wrong, "head")) return "made for another number of classes";
  if (misfits.wrong.empty() && (any_contains(misfits.missing, "blocks.") || any_contains(misfits.surplus, "blocks."))) return "a model of another depth";
  return "a model of another size or configuration";
}

std::string named(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMostNamed);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), "; "));
  if (names.size() > shown) text += fmt::format("; and {} more", names.size() - shown);
  return text;
}

}  // namespace

bool has_prefix(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) { return name.starts_with(prefix); });
}

TensorMap state_dict(const torch::nn::Module& module) {
  TensorMap tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value().detach();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value().detach();
  return tensors;
}

void load_weights(torch::nn::Module& module, const TensorMap& weights, const LoadRules& rules, const std::string& origin) {
  TensorMap own = state_dict(module);
  const Misfits misfits = compare(own, weights, rules);
  if (!misfits.none()) {
    std::vector<std::string> parts;
    if (!misfits.missing.empty()) parts.push_back(fmt::format("{} missing ({})", misfits.missing.size(), named(misfits.missing)));
    if (!misfits.surplus.empty()) parts.push_back(fmt::format("{} not in the model ({})", misfits.surplus.size(), named(misfits.surplus)));
    if (!misfits.wrong.empty()) parts.push_back(fmt::format("{} of another shape or type ({})", misfits.wrong.size(), named(misfits.wrong)));
    reject("{}: the weights do not fit: {}. Likely cause: {}", origin, fmt::join(parts, ", "),
           rules.cause.empty() ? likely_cause(misfits, own.size(), weights.size()) : rules.cause);
  }
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : own)
    if (const auto found = weights.find(name); found != weights.end()) tensor.copy_(found->second);
}

}  // namespace defound

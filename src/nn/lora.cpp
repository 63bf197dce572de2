#include "defound/nn/lora.h"

#include <algorithm>
#include <set>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/nn/init_weights.h"
#include "defound/nn/layers.h"

namespace defound {
namespace {

bool is_lora_target(const std::string& name, const std::string& target) {
  return name == target || name.ends_with("." + target);
}

/// The last one or two parts of a layer's name, which is what targets are.
std::string lora_target_of(const std::string& name) {
  size_t dot = name.rfind('.');
  if (dot != std::string::npos && name.find_first_not_of("0123456789", dot + 1) == std::string::npos)
    dot = name.rfind('.', dot - 1);
  return name.substr(dot == std::string::npos ? 0 : dot + 1);
}

void reject_lora_target(const std::string& target, const std::vector<std::string>& layers) {
  std::set<std::string> known;
  for (const std::string& name : layers) known.insert(lora_target_of(name));
  const std::vector<std::string> targets(known.begin(), known.end());
  const std::string near = nearest(target, targets);
  reject("lora_target '{}' is no linear layer of the model; {}", target,
         near.empty() ? "the usual ones are to_q, to_k, to_v, to_out.0" : fmt::format("did you mean '{}'?", near));
}

}  // namespace

std::vector<std::string> add_lora(torch::nn::Module& module, const LoraOptions& options, const Draws& draws) {
  if (options.rank < 1) reject("lora_rank is {}; a low-rank update needs at least 1", options.rank);
  std::vector<std::pair<std::string, std::shared_ptr<Linear>>> chosen;
  std::vector<std::string> linear_names;
  std::set<std::string> found;
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    const auto linear = std::dynamic_pointer_cast<Linear>(item.value());
    if (!linear) continue;
    linear_names.push_back(item.key());
    const auto target = std::find_if(options.targets.begin(), options.targets.end(),
                                     [&](const std::string& name) { return is_lora_target(item.key(), name); });
    if (target == options.targets.end()) continue;
    found.insert(*target);
    chosen.emplace_back(item.key(), linear);
  }
  for (const std::string& target : options.targets)
    if (!found.contains(target)) reject_lora_target(target, linear_names);
  for (torch::Tensor& parameter : module.parameters()) parameter.set_requires_grad(false);
  std::vector<std::string> names;
  const torch::NoGradGuard no_grad;
  for (const auto& [name, linear] : chosen) {
    linear->make_lora(options.rank, options.alpha / static_cast<double>(options.rank));
    fill_normal(linear->lora_A->weight, 1.0 / static_cast<double>(options.rank), draws.purpose(name + ".lora_A"));
    linear->lora_B->weight.zero_();
    names.push_back(name);
  }
  return names;
}

}  // namespace defound

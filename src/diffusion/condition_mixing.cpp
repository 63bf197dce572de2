#include "defound/diffusion/condition_mixing.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace defound {

std::vector<std::string> co_occurring_labels(const std::string& label) {
  std::vector<std::string> labels;
  for (size_t begin = 0; begin <= label.size();) {
    const size_t end = std::min(label.find('|', begin), label.size());
    if (end > begin) labels.push_back(label.substr(begin, end - begin));
    begin = end + 1;
  }
  return labels;
}

std::string compose_labels(std::vector<std::string> labels, double drop, RandomStream& stream) {
  for (size_t i = labels.size(); i > 1; --i) std::swap(labels[i - 1], labels[stream.below(i)]);
  std::erase_if(labels, [&](const std::string&) { return stream.chance(drop); });
  return fmt::format("{}", fmt::join(labels, ", "));
}

torch::Tensor mixing_weights(const Draws& draws, std::span<const uint64_t> ids, double alpha) {
  std::vector<float> weights;
  for (const uint64_t id : ids) {
    const double drawn = draws.stream(id).beta(alpha, alpha);
    weights.push_back(static_cast<float>(std::max(drawn, 1.0 - drawn)));
  }
  return torch::tensor(weights);
}

torch::Tensor mix_conditions(const torch::Tensor& own, const torch::Tensor& other, const torch::Tensor& weights) {
  const torch::Tensor share = weights.to(own.device(), own.scalar_type()).view({-1, 1, 1});
  return share * own + (1 - share) * other;
}

}  // namespace defound

#include "defound/tasks/weights_diff.h"

#include <algorithm>
#include <cstring>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/models/autoencoder_kl.h"
#include "defound/models/vit_conversion.h"
#include "defound/tensor/weights_reader.h"
#include "text_table.h"
#include "weights_text.h"

namespace defound {
namespace {

constexpr int64_t kChunk = 1 << 20;   // values compared at a time: two files of 4 GB need no 16 GB of fp64

/// Largest differences of one tensor.
struct ValueDifference {
  std::string name;
  double absolute = 0, relative = 0;   ///< relative to the larger magnitude of the two values
  int64_t values = 0;                  ///< how many differ by more than the tolerance
};

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.nbytes() == b.nbytes() && (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

torch::Tensor as_doubles(const torch::Tensor& tensor) { return (tensor.is_complex() ? torch::view_as_real(tensor).flatten() : tensor).to(torch::kFloat64); }

/// Nothing for tensors of one shape that are equal within the tolerance.
std::optional<ValueDifference> compare_values(const std::string& name, const torch::Tensor& left, const torch::Tensor& right, double tolerance) {
  const torch::Tensor a = left.contiguous().flatten(), b = right.contiguous().flatten();
  if (same_bits(a, b)) return std::nullopt;
  ValueDifference difference{.name = name};
  for (int64_t begin = 0; begin < a.numel(); begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, a.numel());
    const torch::Tensor x = as_doubles(a.slice(0, begin, end)), y = as_doubles(b.slice(0, begin, end));
    const torch::Tensor same = (x == y) | (x.isnan() & y.isnan());   // infinities of one sign, too
    const torch::Tensor gap = torch::where(same, 0.0, (x - y).abs()).nan_to_num(INFINITY, INFINITY);
    const torch::Tensor scale = torch::maximum(x.abs(), y.abs()).nan_to_num(INFINITY, INFINITY);
    difference.absolute = std::max(difference.absolute, gap.max().item<double>());
    difference.relative = std::max(difference.relative, torch::where(gap > 0, (gap / scale).nan_to_num(1.0), 0.0).max().item<double>());
    difference.values += (gap > tolerance).sum().item<int64_t>();
  }
  if (tolerance > 0 && difference.values == 0) return std::nullopt;
  return difference;   // at tolerance 0 also signed zeros and NaNs of other bits
}

TensorMap read_for_comparison(const std::string& path, bool map) {
  const WeightsFile file = read_weights(path);
  if (!map) return file.tensors;
  const WeightsIdentity identity = identify_weights(file.tensors, file.metadata);
  std::vector<std::string> changes;
  switch (identity.kind) {
    case WeightsKind::kMae:
    case WeightsKind::kEncoder:
    case WeightsKind::kClassifier:
    case WeightsKind::kTransformersVit: return convert_vit(file.tensors, identity, VitNames::kMae, {}, path, changes);
    case WeightsKind::kDinoV2: return convert_vit(file.tensors, identity, VitNames::kTimm, {}, path, changes);
    case WeightsKind::kAutoencoder: return rename_old_attention_keys(without_prefix(file.tensors, identity));
    default: return without_prefix(file.tensors, identity);
  }
}

struct Comparison {
  std::vector<std::string> only_a, only_b, shapes, types;
  std::vector<ValueDifference> values;   ///< largest absolute difference first
  size_t compared = 0;
  bool equal() const { return only_a.empty() && only_b.empty() && shapes.empty() && types.empty() && values.empty(); }
};

Comparison compare_weights(const TensorMap& a, const TensorMap& b, double tolerance) {
  Comparison found;
  for (const auto& [name, tensor] : b)
    if (!a.contains(name)) found.only_b.push_back(name);
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end()) {
      found.only_a.push_back(name);
      continue;
    }
    if (tensor.sizes() != other->second.sizes()) {
      found.shapes.push_back(fmt::format("{}: {} and {}", name, shape_text(tensor), shape_text(other->second)));
      continue;
    }
    if (tensor.scalar_type() != other->second.scalar_type())
      found.types.push_back(fmt::format("{}: {} and {}", name, type_text(tensor.scalar_type()), type_text(other->second.scalar_type())));
    ++found.compared;
    if (auto difference = compare_values(name, tensor, other->second, tolerance); difference && (difference->values > 0 || tensor.scalar_type() == other->second.scalar_type()))
      found.values.push_back(*difference);
  }
  std::stable_sort(found.values.begin(), found.values.end(), [](const auto& x, const auto& y) { return x.absolute > y.absolute; });
  return found;
}

std::string list_text(const std::string& title, const std::vector<std::string>& items, size_t most) {
  if (items.empty()) return "";
  std::string text = fmt::format("{} ({})\n", title, items.size());
  for (size_t i = 0; i < std::min(items.size(), most); ++i) text += "  " + printable(items[i]) + "\n";
  return text + (items.size() > most ? fmt::format("  ... {} more (--top)\n", items.size() - most) : "");
}

std::string summary(const Comparison& found, double tolerance) {
  if (found.equal()) return fmt::format("equal: {} tensors, {}\n", found.compared, tolerance > 0 ? fmt::format("within {:g}", tolerance) : "bit by bit");
  std::string text = fmt::format("different: {} names only in A, {} only in B, {} of another shape, {} of another type, {} of {} with other values", found.only_a.size(),
                                 found.only_b.size(), found.shapes.size(), found.types.size(), found.values.size(), found.compared);
  if (!found.values.empty()) text += printable(fmt::format(" (at most {:.3g}, {})", found.values[0].absolute, found.values[0].name));
  return text + "\n";
}

std::string comparison_text(const Comparison& found, const WeightsDiffConfig& config) {
  const auto most = static_cast<size_t>(config.top);
  std::string text = list_text("only in A", found.only_a, most) + list_text("only in B", found.only_b, most) + list_text("other shapes, A and B", found.shapes, most) +
                     list_text("other number types, A and B", found.types, most);
  if (!found.values.empty()) {
    std::vector<std::vector<std::string>> rows = {{fmt::format("other values ({} tensors)", found.values.size()), "largest", "relative", "values"}};
    for (size_t i = 0; i < std::min(found.values.size(), most); ++i)
      rows.push_back({"  " + printable(found.values[i].name), fmt::format("{:.3g}", found.values[i].absolute), fmt::format("{:.3g}", found.values[i].relative),
                      std::to_string(found.values[i].values)});
    text += text_table(rows);
    if (found.values.size() > most) text += fmt::format("  ... {} more (--top)\n", found.values.size() - most);
  }
  return text + summary(found, config.tolerance);
}

std::string comparison_json(const Comparison& found, const WeightsDiffConfig& config) {
  Json values = Json::array();
  for (const ValueDifference& difference : found.values)
    values.push_back({{"name", difference.name}, {"largest", difference.absolute}, {"relative", difference.relative}, {"values", difference.values}});
  return json_text({{"equal", found.equal()}, {"tolerance", config.tolerance}, {"compared", found.compared}, {"only_in_a", found.only_a}, {"only_in_b", found.only_b},
                    {"shapes", found.shapes}, {"types", found.types}, {"values", values}});
}

}  // namespace

void WeightsDiffConfig::visit(Visitor& v) {
  v.group("Diff");
  v(field("a", "weights: .safetensors, an index of shards or its folder, .pth"), a);
  v(field("b", "the other weights"), b);
  v(field("tolerance", "largest absolute difference of a value that counts as equal; 0: bit by bit").at_least(0), tolerance);
  v(field("map", "bring both to MAE's and timm's names first (diffusers' new names for an autoencoder)"), map);
  v(field("top", "how many of each kind are listed").range(0, 1e6), top);
  v(field("json", "print one JSON object with everything instead"), json);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

WeightsDiff weights_diff(WeightsDiffConfig& config) {
  log::set_level(config.log_level);
  if (config.a.empty() || config.b.empty()) reject("two files are needed: defound-weights diff A B");
  const Comparison found = compare_weights(read_for_comparison(config.a, config.map), read_for_comparison(config.b, config.map), config.tolerance);
  return {found.equal(), config.json ? comparison_json(found, config) : comparison_text(found, config)};
}

}  // namespace defound

#include "unwrap_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "defound/core/error.h"

namespace defound {
namespace {

/// Dictionaries that programs put around a state_dict, in the order in which they are looked for.
constexpr std::array<std::string_view, 6> kWrappers = {
    "model",             // MAE, RETFound, timm's own training, DeiT
    "model_state",       // PyTorch's elastic examples, pycls
    "model_state_dict",  // PyTorch's tutorials
    "state_dict",        // PyTorch Lightning, mmpretrain, MoCo
    "teacher",           // DINO, DINOv2: the averaged network, which is the one to use
    "module",            // DeepSpeed
};

/// What the names begin with that is no part of the model's. Taken off where all names have it; under "teacher" also
/// where some have (DINOv2), as the rest is a projection head that only its training needs.
constexpr std::array<std::string_view, 4> kPrefixes = {
    "module.",     // DataParallel, DistributedDataParallel
    "_orig_mod.",  // torch.compile
    "model.",      // PyTorch Lightning
    "backbone.",   // DINO, DINOv2
};

constexpr int kMostWrappers = 4;
constexpr size_t kMostOther = 1000, kMostMetadata = 1000, kMostMetadataBytes = 4096;

std::string key_text(const PickleValue& key) {
  if (key.is(PickleKind::kText)) return std::string(key.text());
  return key.is(PickleKind::kInt) ? std::to_string(key.as_int()) : std::string(pickle_kind_name(key.kind()));
}

std::optional<std::string> plain_text(const PickleValue& value) {
  switch (value.kind()) {
    case PickleKind::kBool: return value.as_bool() ? "true" : "false";
    case PickleKind::kInt: return std::to_string(value.as_int());
    case PickleKind::kFloat: return fmt::format("{}", value.as_float());
    case PickleKind::kText: return value.text().size() <= kMostMetadataBytes ? std::optional(std::string(value.text())) : std::nullopt;
    default: return std::nullopt;
  }
}

/// Plain values of a dictionary but one, and of the dictionaries in it, as "args.mask_ratio".
void add_metadata(const PickleValue& values, std::string_view but, const std::string& prefix, std::map<std::string, std::string>& metadata) {
  for (size_t i = 0; i < values.size() && metadata.size() < kMostMetadata; ++i) {
    const auto [key, value] = values.pair(i);
    if (!key.is(PickleKind::kText) || (prefix.empty() && key.text() == but)) continue;
    if (const auto text = plain_text(value)) metadata[prefix + std::string(key.text())] = *text;
    if (value.is(PickleKind::kDict) && prefix.empty()) add_metadata(value, but, std::string(key.text()) + ".", metadata);
  }
}

/// The keys of a dictionary but one, the first thousand.
void add_other(const PickleValue& values, std::string_view but, std::vector<std::string>& other) {
  for (size_t i = 0; i < values.size() && other.size() < kMostOther; ++i)
    if (const std::string key = key_text(values.pair(i).first); key != but && std::find(other.begin(), other.end(), key) == other.end()) other.push_back(key);
}

bool holds_tensors(const PickleValue& values) {
  for (size_t i = 0; i < values.size(); ++i)
    if (values.pair(i).second.is(PickleKind::kTensor)) return true;
  return false;
}

/// The first wrapper in `values` that is a dictionary.
std::optional<std::string_view> find_wrapper(const PickleValue& values, const std::string& origin) {
  for (const std::string_view name : kWrappers) {
    const auto found = values.find(name);
    if (!found) continue;
    if (found->is(PickleKind::kDict)) return name;
    if (found->is(PickleKind::kObject) && !holds_tensors(values))
      reject("{}: '{}' is a whole pickled {}, which needs its program. Save model.state_dict() there", origin, name, found->text());
  }
  return std::nullopt;
}

/// Follows the wrappers down to the dictionary with the tensors.
PickleValue find_state_dict(PickleValue values, const std::string& origin, WeightsFile& weights) {
  if (values.is(PickleKind::kObject)) reject("{} holds a whole pickled {}, which needs its program. Save model.state_dict() there", origin, values.text());
  if (!values.is(PickleKind::kDict)) reject("{} holds {}, not weights by name", origin, pickle_kind_name(values.kind()));
  while (const auto wrapper = find_wrapper(values, origin)) {
    if (weights.wrappers.size() == kMostWrappers) reject("{}: more than {} dictionaries lie around the weights", origin, kMostWrappers);
    weights.wrappers.emplace_back(*wrapper);
    add_other(values, *wrapper, weights.other);
    if (weights.wrappers.size() == 1) add_metadata(values, *wrapper, "", weights.metadata);
    values = *values.find(*wrapper);
  }
  if (!holds_tensors(values)) {
    std::vector<std::string> keys;
    add_other(values, "", keys);
    if (keys.size() > 10) keys.resize(10), keys.emplace_back("...");
    reject("{} holds no weights where they are looked for (at the top, or under {}); {} are there: {}", origin, fmt::join(kWrappers, ", "),
           weights.wrappers.empty() ? "at the top" : "under '" + weights.wrappers.back() + "'", fmt::join(keys, ", "));
  }
  return values;
}

void take_tensors(const PthFile& file, const PickleValue& values, const std::string& origin, WeightsFile& weights) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto [key, value] = values.pair(i);
    const std::string name = key_text(key);
    if (value.is(PickleKind::kTensor) && key.is(PickleKind::kText)) {
      weights.tensors[name] = file.tensor(value);
      continue;
    }
    // Sparse, quantized and other tensors that are not plain: leaving one out in silence would be wrong.
    if (value.is(PickleKind::kObject) && (value.text().starts_with("torch._utils._rebuild") || value.text().starts_with("torch._tensor.")))
      reject("{}: '{}' is a {}, no plain tensor, and cannot be read", origin, name, value.text());
    if (weights.other.size() < kMostOther) weights.other.push_back(name);
  }
}

/// Takes `prefix` off the names that have it. Returns false, and changes nothing, where it is not to be taken off.
bool take_off(std::string_view prefix, bool some_are_enough, WeightsFile& weights) {
  const auto has = [&](const auto& item) { return item.first.starts_with(prefix) && item.first.size() > prefix.size(); };
  const auto count = static_cast<size_t>(std::count_if(weights.tensors.begin(), weights.tensors.end(), has));
  if (count == 0 || (count < weights.tensors.size() && !some_are_enough)) return false;
  TensorMap renamed;
  std::set<std::string> left_out;
  for (auto& item : weights.tensors) {
    if (has(item)) {
      renamed[item.first.substr(prefix.size())] = item.second;
      continue;
    }
    left_out.insert("teacher." + item.first.substr(0, item.first.find('.')));
  }
  weights.tensors = std::move(renamed);
  weights.other.insert(weights.other.end(), left_out.begin(), left_out.end());
  weights.wrappers.emplace_back(prefix);
  return true;
}

}  // namespace

WeightsFile unwrap_weights(const PthFile& file, const std::string& origin) {
  WeightsFile weights{.tensors = {}, .metadata = {}, .container = "pth", .wrappers = {}, .other = {}};
  const PickleValue values = find_state_dict(file.root(), origin, weights);
  const bool teacher = !weights.wrappers.empty() && weights.wrappers.back() == "teacher";
  take_tensors(file, values, origin, weights);
  for (bool again = true; again;)
    again = std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) { return take_off(prefix, teacher && prefix == "backbone.", weights); });
  return weights;
}

}  // namespace defound

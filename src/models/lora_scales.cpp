#include "lora_scales.h"

#include <cmath>

#include "component_weights.h"
#include "defound/core/error.h"

namespace defound {
namespace {

constexpr const char* kAdapterMetadata = "lora_adapter_metadata";
constexpr std::string_view kPatternCharacters = "*+?()[]{}|\\$";

double lora_number(const Json& value, const std::string& key, const std::string& origin) {
  if (!value.is_number()) reject("{}: {} must be a number, not {}", origin, key, value.dump());
  return value.get<double>();
}

LoraScales scales_from_config(const Json& config, const std::string& origin) {
  LoraScales scales;
  if (!config.is_object()) reject("{}: expected the fields of a LoraConfig, found {}", origin, config.dump());
  for (const char* variant : {"use_dora", "lora_bias", "use_qalora"})
    if (config.value(variant, Json(false)) == Json(true))
      reject("{}: {} is set; only plain LoRA (A and B) is supported", origin, variant);
  if (const Json alpha = config.value("lora_alpha", Json()); !alpha.is_null())
    scales.alpha = lora_number(alpha, "lora_alpha", origin);
  scales.use_rslora = config.value("use_rslora", Json(false)) == Json(true);
  const Json patterns = config.value("alpha_pattern", Json::object());
  if (!patterns.is_object()) return scales;
  for (const auto& [key, value] : patterns.items()) {
    if (key.find_first_of(kPatternCharacters) != std::string::npos)
      reject("{}: the alpha_pattern '{}' is a regular expression, which is not supported", origin, key);
    scales.alpha_pattern[key.starts_with("^") ? key.substr(1) : key] = lora_number(value, "alpha_pattern", origin);
  }
  return scales;
}

}  // namespace

double LoraScales::of_layer(const std::string& layer, int64_t rank, std::optional<double> own_alpha) const {
  std::optional<double> found = own_alpha ? own_alpha : alpha;
  if (!own_alpha)
    for (const auto& [name, value] : alpha_pattern)
      if (layer == name || layer.ends_with("." + name)) found = value;
  if (!found) return 1;
  return *found / (use_rslora && !own_alpha ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
}

LoraScales read_lora_scales(const fs::path& file, const std::map<std::string, std::string>& metadata, const std::string& part) {
  if (const auto found = metadata.find(kAdapterMetadata); found != metadata.end()) {
    Json config = Json::object();
    const Json values = parse_json(found->second, file.string());
    for (const auto& [key, value] : values.items())
      if (key.starts_with(part)) config[key.substr(part.size())] = value;
    return scales_from_config(config, file.string());
  }
  const fs::path beside = file.parent_path() / "adapter_config.json";
  if (!file.filename().string().starts_with("adapter_model") || !is_there(beside)) return {};
  return scales_from_config(read_config_file(beside), beside.string());
}

Json lora_metadata(const LoraOptions& options, const std::string& part) {
  const Json config = {
      {part + "lora_alpha", options.alpha}, {part + "r", options.rank}, {part + "target_modules", options.targets}};
  return {{kAdapterMetadata, config.dump()}};
}

}  // namespace defound

#include "defound/config/diffusers_config.h"

#include <algorithm>

#include "defound/core/error.h"

namespace defound {

void read_diffusers_config(Config& config, const Json& values, const std::string& class_name, const SupportedValues& supported,
                           const std::string& origin) {
  if (!values.is_object()) reject("{}: expected a JSON object {{...}}, found {}", origin, values.type_name());
  if (const auto name = values.find("_class_name"); name != values.end() && *name != class_name)
    reject("{}: _class_name is {}; expected \"{}\"", origin, name->dump(), class_name);
  for (const auto& [key, allowed] : supported) {
    const auto value = values.find(key);
    if (value == values.end() || std::find(allowed.begin(), allowed.end(), *value) != allowed.end()) continue;
    reject("{}: \"{}\" is {}; only {} is supported", origin, key, value->dump(), Json(allowed).dump());
  }
  from_json(config, values, origin, UnknownKeys::kIgnore);
  check_ranges(config);
}

Json write_diffusers_config(Config& config, const std::string& class_name, const std::vector<std::string>& scalars) {
  Json values = {{"_class_name", class_name}};
  values.update(to_json(config));
  for (const std::string& key : scalars) {
    const Json list = values.at(key);
    if (!list.empty() && std::all_of(list.begin(), list.end(), [&](const Json& item) { return item == list[0]; })) values[key] = list[0];
  }
  return values;
}

std::vector<int64_t> per_block(const std::vector<int64_t>& values, size_t n, const std::string& key) {
  if (values.size() == 1) return std::vector<int64_t>(n, values[0]);
  if (values.size() != n) reject("{} has {} values but there are {} blocks; give one value or one for each block", key, values.size(), n);
  return values;
}

}  // namespace defound

#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "defound/config/visit.h"

namespace defound {

using Json = nlohmann::ordered_json;

/// Parses JSON text from a stranger: doubled keys, depth over 64 and bad syntax are rejected (exit 2) naming `origin`.
Json parse_json(const std::string& text, const std::string& origin);

/// Unknown keys: an error (our own files), or ignored (config.json of other programs).
enum class UnknownKeys { kReject, kIgnore };

/// Sets the fields of `config` that `values` names. Keys that begin with "_" are comments. Wrong type, out of range
/// and (kReject) unknown keys are rejected with the key, `origin` and the nearest valid key.
void from_json(Config& config, const Json& values, const std::string& origin, UnknownKeys unknown = UnknownKeys::kReject);

/// Every field with its value, in the order of visit.
Json to_json(Config& config);

/// Checks ranges and choices of every field; rejects the first that is off.
void check_ranges(Config& config);

/// Keys whose values differ, but for those that may change between starts of one run: "name: old -> new" each. A key that
/// `before` lacks counts as its default where the config knows it (RunConfig).
std::vector<std::string> changed_recipe(Config& config, const Json& before);

/// Keys that `before` lacks, but for those that may change: options that an earlier version did not have.
std::vector<std::string> missing_keys(Config& config, const Json& before);

}  // namespace defound

#pragma once
#include <string>
#include <utility>
#include <vector>

#include "defound/config/json.h"

namespace defound {

/// Fields of a diffusers config that change the network, with the values under which ours is the same network.
using SupportedValues = std::vector<std::pair<std::string, std::vector<Json>>>;

/// Reads a diffusers config.json into `config`; keys that neither knows are ignored, as diffusers does. Rejects
/// (exit 2) another class than `class_name` and every value that `supported` does not list, by key and file.
void read_diffusers_config(Config& config, const Json& values, const std::string& class_name, const SupportedValues& supported,
                           const std::string& origin);

/// The fields as diffusers writes them: with _class_name, and a list of equal numbers among `scalars` as one number.
Json write_diffusers_config(Config& config, const std::string& class_name, const std::vector<std::string>& scalars = {});

/// One value for each of n blocks: a single value stands for all. Rejects (exit 2) another number of values.
std::vector<int64_t> per_block(const std::vector<int64_t>& values, size_t n, const std::string& key);

}  // namespace defound

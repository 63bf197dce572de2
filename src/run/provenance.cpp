#include "defound/run/provenance.h"

#include <fmt/core.h>
#include <openssl/opensslv.h>
#include <spdlog/version.h>

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/version.h"
#include "defound/run/host.h"

namespace defound {
namespace {

void merge(std::vector<std::string>& into, const std::vector<std::string>& from) {
  into.insert(into.end(), from.begin(), from.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
  if (!into.empty() && into.front().empty()) into.erase(into.begin());
}

Json library_versions() {
  return {{"fmt", FMT_VERSION},
          {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
          {"openssl", OPENSSL_VERSION_TEXT},
          {"compiler", "g++ " __VERSION__}};
}

}  // namespace

void Ancestry::add(const Ancestry& other) {
  merge(patients, other.patients);
  merge(image_hashes, other.image_hashes);
  for (const auto& [dataset, names] : other.patients_of) merge(patients_of[dataset], names);
}

Ancestry read_ancestry(const fs::path& product) {
  fs::path folder = fs::absolute(product).lexically_normal();
  if (!fs::is_directory(folder)) folder = folder.parent_path();
  for (int levels_up = 0; levels_up <= 2; ++levels_up, folder = folder.parent_path()) {
    const fs::path file = folder / "provenance.json";
    if (!fs::is_regular_file(file)) continue;
    const Json ancestry = parse_json(read_text(file), file.string()).value("ancestry", Json::object());
    Ancestry result;
    try {
      result.add({ancestry.value("patients", std::vector<std::string>()), ancestry.value("image_hashes", std::vector<std::string>()),
                  ancestry.value("patients_of", std::map<std::string, std::vector<std::string>>())});
    } catch (const Json::exception&) {
      reject("{}: \"ancestry\" must hold the lists \"patients\" and \"image_hashes\" of texts and the object \"patients_of\" of such lists", file.string());
    }
    return result;
  }
  return {};
}

Provenance::Provenance(fs::path file) : file_(std::move(file)) {
  content_ = {{"starts", Json::array()}, {"ancestry", {{"patients", Json::array()}, {"image_hashes", Json::array()}}}};
  if (!fs::exists(file_)) return;
  content_ = parse_json(read_text(file_), file_.string());
  if (!content_.is_object() || !content_.value("starts", Json()).is_array()) reject("{}: the list \"starts\" is missing", file_.string());
}

void Provenance::write() const {
  write_atomic(file_, content_.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");  // a command line may hold any bytes
}

void Provenance::add_start(const std::string& command, const std::string& device) {
  const ProcessIdentity self = this_process();
  content_["starts"].push_back({{"time", utc_time()}, {"version", version_text()}, {"command", command},
                                {"folder", fs::current_path().string()}, {"host", self.host}, {"pid", self.pid}, {"job", self.job},
                                {"processor", processor_name()}, {"gpus", gpu_names()}, {"device", device}, {"libraries", library_versions()}});
  write();
}

void Provenance::describe_start(const Json& fields) {
  content_["starts"].back().update(fields);
  write();
}

void Provenance::set_ancestry(const Ancestry& ancestry) {
  const Json entry = {{"patients", ancestry.patients}, {"image_hashes", ancestry.image_hashes}, {"patients_of", ancestry.patients_of}};
  if (content_["ancestry"] == entry) return;
  content_["ancestry"] = entry;
  write();
}

}  // namespace defound

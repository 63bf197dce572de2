#include "synthesis_parts.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <regex>
#include <set>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr int64_t kMostParts = 100000;
constexpr const char* kPartsFolder = "parts";
constexpr const char* kJobFile = "job.json";

SynthesisPart parse_part(const std::string& text, const std::string& origin) {
  static const std::regex pattern("([0-9]{1,6})/([0-9]{1,6})");
  std::smatch match;
  if (!std::regex_match(text, match, pattern)) reject("{}: expected i/N, part i (from 0) of N", origin);
  const SynthesisPart part{std::stoll(match[1]), std::stoll(match[2])};
  if (part.count < 1 || part.count > kMostParts || part.index >= part.count)
    reject("{}: there are parts 0 to N-1, and at most {}", origin, kMostParts);
  return part;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The names in a folder, sorted; none where there is no folder.
std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  if (!is_there(folder)) return names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    names.insert(entry->path().filename().string());
  if (error) fail("cannot read the folder {}: {}", folder.string(), error.message());
  return names;
}

/// A visible name that is neither of a job's parts nor a batch system's log; "" when there is none.
std::string foreign_name(const fs::path& output) {
  for (const std::string& name : names_in(output)) {
    const std::string extension = fs::path(name).extension().string();
    const bool job_log = extension == ".out" || extension == ".err" || extension == ".log";
    if (!name.starts_with(".") && name != kPartsFolder && !job_log) return name;
  }
  return "";
}

void check_job(SynthesizeConfig& config, const SynthesisPlan& plan, const fs::path& file) {
  const Json job = parse_json(read_text(file), file.string());
  const auto changes = changed_recipe(config, job.value("recipe", Json::object()));
  if (!changes.empty())
    reject("{} was made with another recipe ({}); give the options of its parts, or another --output", config.run.output,
           fmt::join(changes, "; "));
  if (job.value("plan", "") != plan.digest())
    reject("{} was planned with another generator or other counts; use a fresh --output", config.run.output);
}

}  // namespace

namespace {

SynthesisPart part_asked_for(const SynthesizeConfig& config) {
  if (!config.part.empty()) return parse_part(config.part, "--part " + config.part);
  const std::string id = environment("SLURM_ARRAY_TASK_ID"), count = environment("SLURM_ARRAY_TASK_COUNT");
  if (id.empty() || count.empty() || config.merge) return {};
  const std::string least = environment("SLURM_ARRAY_TASK_MIN");
  const std::string origin = fmt::format("SLURM_ARRAY_TASK_ID {} from {}, _COUNT {}", id, least.empty() ? "0" : least, count);
  if (!least.empty() && least != "0") reject("{}: number the array from 0 (--array=0-N), or give --part", origin);
  return parse_part(id + "/" + count, origin);
}

}  // namespace

SynthesisPart synthesis_part(const SynthesizeConfig& config, const Launch& launch) {
  const SynthesisPart part = part_asked_for(config);
  return {part.index * launch.size + launch.rank, part.count * launch.size};
}

fs::path part_folder(const fs::path& output, const SynthesisPart& part) {
  return part.count == 1 ? output : output / kPartsFolder / part.name();
}

std::vector<fs::path> redrawn_files(const fs::path& output) {
  std::vector<fs::path> files;
  for (const std::string& name : names_in(output / kPartsFolder))
    if (const fs::path file = output / kPartsFolder / name / "redrawn.csv"; is_there(file)) files.push_back(file);
  return files;
}

void claim_job_folder(SynthesizeConfig& config, const SynthesisPlan& plan) {
  if (config.run.output.empty()) reject("--output is missing: name the folder of the set");
  const fs::path output = config.run.output, file = output / kPartsFolder / kJobFile;
  if (is_there(output) && !fs::is_directory(output)) reject("output {} is a file; give a folder", output.string());
  const std::string foreign = foreign_name(output);   // before job.json is looked for: another part may be writing it just now
  if (!is_there(file)) {
    if (!foreign.empty())
      reject("output {} is not empty (it holds {}) and no part of a job; give another --output", output.string(), foreign);
    make_folder(file.parent_path());
    write_atomic(file, Json{{"recipe", to_json(config)}, {"plan", plan.digest()}}.dump(2) + "\n");
  }
  check_job(config, plan, file);
}

int64_t finished_parts(SynthesizeConfig& config, const SynthesisPlan& plan) {
  const fs::path folder = fs::path(config.run.output) / kPartsFolder;
  std::set<int64_t> divisions;
  static const std::regex pattern("([0-9]+)-of-([0-9]{1,6})");
  std::smatch match;
  for (const std::string& name : names_in(folder))
    if (std::regex_match(name, match, pattern)) divisions.insert(std::stoll(match[2]));
  if (divisions.empty()) reject("--merge: {} holds no parts; make them with --part 0/N to --part N-1/N", folder.string());
  if (divisions.size() > 1)
    reject("--merge: {} holds parts of several divisions, by {}; remove those that do not belong here", folder.string(),
           fmt::join(divisions, " and by "));
  check_job(config, plan, folder / kJobFile);
  const int64_t count = *divisions.begin();
  std::vector<std::string> missing;
  for (int64_t i = 0; i < count; ++i)
    if (!is_there(folder / SynthesisPart{i, count}.name() / "DONE")) missing.push_back(fmt::format("{}/{}", i, count));
  if (!missing.empty())
    reject("--merge: {} of {} parts are not done: {}; run them with --part and --resume auto first", missing.size(), count,
           fmt::join(missing, ", "));
  return count;
}

}  // namespace defound

#include "defound/run/run_dir.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/version.h"
#include "defound/run/host.h"

namespace defound {
namespace {

/// A visible name in the folder that a fresh start must not mix with; "" when there is none.
std::string first_content(const fs::path& folder, bool allow_job_logs, std::span<const std::string> beside) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool job_log = entry.is_regular_file() && (extension == ".out" || extension == ".err" || extension == ".log");
    const std::string name = entry.path().filename().string();
    const bool belongs = (allow_job_logs && job_log) || std::find(beside.begin(), beside.end(), name) != beside.end();
    if (!name.starts_with(".") && !belongs) names.push_back(name);
  }
  return names.empty() ? "" : *std::min_element(names.begin(), names.end());
}

/// Rejects a changed recipe. The names of options that the version that started the run did not have.
std::vector<std::string> check_recipe(const fs::path& folder, Config& config) {
  const fs::path file = folder / "config.json";
  const Json before = parse_json(read_text(file), file.string());
  if (!before.is_object()) reject("{}: expected a JSON object of options; give another --output to start anew", file.string());
  const auto changes = changed_recipe(config, before);
  if (!changes.empty())
    reject("{} was started with another recipe ({}); repeat the first command, or give another --output to start anew", folder.string(),
           fmt::format("{}", fmt::join(changes, "; ")));
  return missing_keys(config, before);
}

/// What there is to continue; rejects what `resume` does not allow.
bool find_earlier_start(const fs::path& folder, Resume resume, std::span<const std::string> beside) {
  if (is_there(folder) && !fs::is_directory(folder)) reject("output {} is a file; give a folder", folder.string());
  const bool started = is_there(folder / "config.json");
  if (resume == Resume::kMust && !started) reject("nothing to continue: {} holds no config.json; use --resume auto to start", folder.string());
  if (resume == Resume::kNever && started)
    reject("{} already holds a run; use --resume auto to continue it, or give another --output", folder.string());
  if (started || !is_there(folder)) return started;
  const std::string other = first_content(folder, resume == Resume::kAuto, beside);
  if (!other.empty()) reject("output {} is not empty (it holds {}) and is no run folder; give another --output", folder.string(), other);
  return false;
}

std::string device_of(Config& config) {
  const Json values = to_json(config);
  const auto device = values.find("device");
  return device != values.end() && device->is_string() ? device->get<std::string>() : "cpu";
}

}  // namespace

Resume parse_resume(const std::string& text) {
  if (text == "never") return Resume::kNever;
  if (text == "auto") return Resume::kAuto;
  if (text == "must") return Resume::kMust;
  reject("resume is '{}'; it must be never, auto or must", text);
}

RunDir RunDir::open(const fs::path& folder, Resume resume, Config& config, const std::string& command,
                    std::span<const std::string> beside) {
  if (folder.empty()) reject("--output is missing: name the run's folder");
  if (resume != Resume::kNever && is_there(folder / "DONE") && is_there(folder / "config.json")) {
    check_recipe(folder, config);  // needs no lock: a finished run is only read
    return RunDir(folder, true, true);
  }
  if (resume == Resume::kMust) find_earlier_start(folder, resume, beside);  // before the folder is made
  if (is_there(folder) && !fs::is_directory(folder)) reject("output {} is a file; give a folder", folder.string());
  make_folder(folder);
  auto lock = std::make_unique<RunLock>(folder);  // first: a running writer is named rather than its files
  const bool continued = find_earlier_start(folder, resume, beside);
  const auto newer = continued ? check_recipe(folder, config) : std::vector<std::string>();

  auto provenance = std::make_unique<Provenance>(folder / "provenance.json");
  try {
    write_atomic(folder / "config.json", to_json(config).dump(2) + "\n");
    provenance->add_start(command, device_of(config));
    log::add_file(folder / "log.txt");
  } catch (...) {
    std::error_code ignored;
    if (!continued) for (const char* name : {"config.json", "provenance.json"}) fs::remove(folder / name, ignored);
    throw;
  }
  RunDir run(folder, continued, false);
  run.lock_ = std::move(lock);
  run.provenance_ = std::move(provenance);
  log::info("{} {} (defound {}, host {}, pid {})", continued ? "continuing" : "starting", folder.string(), version_text(), this_process().host,
            this_process().pid);
  if (!newer.empty()) log::warn("started by a version of defound without {}: defaults are taken for them", fmt::join(newer, ", "));
  return run;
}

RunDir::RunDir(RunDir&&) noexcept = default;

RunDir::~RunDir() {
  if (lock_) log::remove_file();
}

bool RunDir::is_done() const { return done_; }
bool RunDir::is_continued() const { return continued_; }

void RunDir::set_ancestry(const Ancestry& ancestry) const {
  if (provenance_) provenance_->set_ancestry(ancestry);
}

void RunDir::describe_start(const Json& fields) const {
  if (provenance_) provenance_->describe_start(fields);
}

void RunDir::check_lock() const {
  if (lock_) lock_->check();
}

void RunDir::finish() const {
  if (!lock_) return;
  check_lock();
  write_atomic(path_ / "DONE", utc_time() + "\n");
}

}  // namespace defound

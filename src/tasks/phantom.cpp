#include "defound/tasks/phantom.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/core/stop.h"
#include "defound/data/parallel_for.h"
#include "defound/data/phantom/phantom_set.h"
#include "defound/data/split.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

phantom::SetOptions set_options(const PhantomConfig& config) {
  phantom::SetOptions options{config.modality, config.labels, config.balance, config.count, config.images_per_patient, parse_shares(config.shares)};
  if (options.labels.empty()) {
    options.labels = config.modality == "cxr" ? std::vector<std::string>{"no_finding", "pneumonia"} : std::vector<std::string>{"no_dr", "severe"};
  }
  return options;
}

/// The folder without a slash at its end, empty or missing so far.
fs::path checked_output(const std::string& output) {
  if (output.empty()) reject("--output is missing: the folder to write");
  fs::path path = fs::path(output).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_directory(path, error)) reject("--output {} is a file; name a folder", path.string());
  if (fs::exists(path, error) && !fs::is_empty(path, error)) reject("--output {} is not empty; name another folder or remove this one", path.string());
  return path;
}

/// Not synced one by one: the folder is published as a whole, and the seed makes it again.
void write_file(const fs::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) fail("cannot write {}: {}", path.string(), std::strerror(errno));
}

/// Draws and writes all images below `folder`; the first fault or a signal ends the work.
void write_images(const PhantomConfig& config, const Draws& draws, const std::vector<phantom::Row>& rows, const fs::path& folder) {
  Progress progress("phantom", static_cast<int64_t>(rows.size()));
  const StopSignal stop;
  std::atomic<bool> failed{false};
  const auto write_one = [&](int64_t i) {
    if (failed || StopSignal::requested()) return;
    try {
      const phantom::Row& row = rows[static_cast<size_t>(i)];
      const Image image = phantom::render(config.modality, draws, row, config.size);
      write_file(folder / row.path, config.image_format == "png" ? encode_png(image) : encode_jpeg(image));
    } catch (...) {
      failed = true;
      throw;
    }
  };
  parallel_for(static_cast<int64_t>(rows.size()), config.threads, write_one, [&](int64_t done) { progress.update(done); });
  if (StopSignal::requested()) fail("stopped by {}: nothing was written; run the same command again", StopSignal::name());
}

}  // namespace

void PhantomConfig::visit(Visitor& v) {
  v(field("modality", "fundus (color photographs of the retina) or cxr (chest radiographs)").one_of({"fundus", "cxr"}), modality);
  v(field("count", "images in all").range(1, 1e7), count);
  v(field("size", "side of the images in pixels").range(16, 4096), size);
  v(field("labels", "fundus: some of no_dr,mild,moderate,severe,proliferative; cxr: no_finding,pneumonia; empty: no_dr,severe or both"), labels);
  v(field("balance", "relative number of images of each label, separated by commas; empty: equal"), balance);
  v(field("images_per_patient", "a patient has 1 to so many images").range(1, 1000), images_per_patient);
  v(field("shares", "shares of train,val,test, which add up to 1; all images of a patient go together"), shares);
  v(field("image_format", "png or jpg").one_of({"png", "jpg"}), image_format);
  v(field("seed", "all randomness follows from it").range(0, 9.0e18), seed);
  v(field("output", "the new folder: class folders and manifest.csv"), output);
  v(field("threads", "threads that draw; 0: one for each core").range(0, 1024).may_change(), threads);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}).may_change(), log_level);
  v(field("dry_run", "check the options and say what would be written").may_change(), dry_run);
}

void make_phantoms(PhantomConfig& config) {
  log::set_level(config.log_level);
  check_ranges(config);
  const fs::path output = checked_output(config.output);
  const Draws draws(static_cast<uint64_t>(config.seed), "phantom." + config.modality);
  std::vector<phantom::Row> rows = phantom::plan_set(set_options(config), draws);
  std::set<std::string> patients;
  for (phantom::Row& row : rows) {
    row.path += "." + config.image_format;
    patients.insert(row.patient);
  }
  log::info("{}: {} images of {} patients, {} x {} pixels", output.string(), rows.size(), patients.size(), config.size, config.size);
  if (config.dry_run) return;
  if (output.has_parent_path()) make_folder(output.parent_path());
  publish(output, [&](const fs::path& folder) {
    for (const phantom::Row& row : rows) make_folder(folder / fs::path(row.path).parent_path());
    write_images(config, draws, rows, folder);
    write_atomic(folder / "manifest.csv", phantom::manifest_text(rows));
  });
}

}  // namespace defound

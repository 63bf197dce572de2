#pragma once
#include <memory>
#include <span>
#include <string>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/run/provenance.h"
#include "defound/run/run_lock.h"

namespace defound {

enum class Resume { kNever, kAuto, kMust };
Resume parse_resume(const std::string& text);

/// The folder of one run (one stage): config.json, provenance.json, log.txt, metrics.jsonl, checkpoints/, product,
/// report.html, DONE. Holds the folder's lock while it lives; a second writer fails (exit 1) naming host, pid and job;
/// the lock of a dead process is taken over.
class RunDir {
 public:
  /// kNever: a folder that holds anything is rejected (exit 2). kAuto: start, continue, or is_done(). kMust: reject
  /// when there is nothing to continue. On continuing, a changed recipe key is listed and rejected (exit 2).
  /// Writes config.json and adds a row to provenance.json; log.txt is opened. Hidden files do not count as content;
  /// kAuto also starts beside a batch system's logs (*.out, *.err, *.log).
  /// `beside`: further names that a fresh start may find there.
  static RunDir open(const fs::path& folder, Resume resume, Config& config, const std::string& command,
                     std::span<const std::string> beside = {});
  /// The folder of a run that another process of the same group has opened: to read from. Nothing is written through it.
  static RunDir follow(const fs::path& folder, bool continued, bool done) { return RunDir(folder, continued, done); }
  RunDir(RunDir&&) noexcept;
  ~RunDir();

  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  bool is_done() const;                 ///< DONE was there when the folder was opened
  bool is_continued() const;            ///< an earlier start left something to continue
  void set_ancestry(const Ancestry& ancestry) const;   ///< into provenance.json
  void describe_start(const Json& fields) const;       ///< further fields of this start's row in provenance.json
  void check_lock() const;              ///< fails (exit 1) when another process has taken the folder over
  void finish() const;                  ///< writes DONE, where this process holds the run

 private:
  RunDir(fs::path path, bool continued, bool done) : path_(std::move(path)), continued_(continued), done_(done) {}
  fs::path path_;
  bool continued_ = false, done_ = false;
  std::unique_ptr<RunLock> lock_;       ///< this and the next: none when the run was done already
  std::unique_ptr<Provenance> provenance_;
};

}  // namespace defound

#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/files.h"

namespace defound {

enum class Resume { kNever, kAuto, kMust };
Resume parse_resume(const std::string& text);

/// What went into a product, carried from stage to stage: for the leakage check of defound-evaluate.
struct Ancestry {
  std::vector<std::string> patients;        ///< sorted, unique; "" never
  std::vector<std::string> image_hashes;    ///< sha256 of each file's bytes, sorted, unique
  void add(const Ancestry& other);
};

/// The folder of one run (one stage): config.json, provenance.json, log.txt, metrics.jsonl, checkpoints/, product,
/// report.html, DONE. Holds the folder's lock while it lives; a second writer fails (exit 1) naming host, pid and job;
/// the lock of a dead process on this host is taken over.
class RunDir {
 public:
  /// kNever: a folder that holds anything is rejected (exit 2). kAuto: start, continue, or is_done(). kMust: reject
  /// when there is nothing to continue. On continuing, a changed recipe key is listed and rejected (exit 2).
  /// Writes config.json and adds a row to provenance.json; log.txt is opened.
  static RunDir open(const fs::path& folder, Resume resume, Config& config, const std::string& command);
  RunDir(RunDir&&) noexcept;
  ~RunDir();

  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  bool is_done() const;                 ///< DONE was there when the folder was opened
  bool is_continued() const;            ///< an earlier start left something to continue
  void set_ancestry(const Ancestry& ancestry) const;   ///< into provenance.json
  void finish() const;                  ///< writes DONE

 private:
  RunDir(fs::path path, bool continued, bool done);
  fs::path path_;
  bool continued_ = false, done_ = false;
  int lock_ = -1;
};

/// The ancestry recorded in the run folder that holds `product` (a file in it, or the folder itself); empty when
/// there is no provenance.json.
Ancestry read_ancestry(const fs::path& product);

}  // namespace defound

#pragma once
#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/files.h"

namespace defound {

/// What went into a product, carried from stage to stage: for the leakage check of defound-evaluate.
struct Ancestry {
  std::vector<std::string> patients;        ///< sorted, unique; "" never
  std::vector<std::string> image_hashes;    ///< sha256 of each file's bytes, sorted, unique
  void add(const Ancestry& other);
};

/// The ancestry recorded in the run folder that holds `product` (a file or folder in it, or the run folder itself);
/// empty when there is no provenance.json.
Ancestry read_ancestry(const fs::path& product);

/// provenance.json: {"starts": [a row per start], "ancestry": {"patients": [...], "image_hashes": [...]}}.
class Provenance {
 public:
  explicit Provenance(fs::path file) : file_(std::move(file)) {}
  /// A row: time, version, command line, working folder, host, pid, job, processor, libraries, `device` as asked for.
  void add_start(const std::string& command, const std::string& device) const;
  /// Further fields of the newest row, for example the device's name.
  void describe_start(const Json& fields) const;
  void set_ancestry(const Ancestry& ancestry) const;

 private:
  Json read() const;
  void write(const Json& content) const;
  fs::path file_;
};

}  // namespace defound

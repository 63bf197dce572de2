#pragma once
#include <map>
#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/files.h"

namespace defound {

/// What went into a product, carried from stage to stage: for the leakage check of defound-evaluate.
struct Ancestry {
  std::vector<std::string> patients;        ///< of no stated data set; sorted, unique; "" never
  std::vector<std::string> image_hashes;    ///< sha256 of each file's bytes, sorted, unique
  std::map<std::string, std::vector<std::string>> patients_of = {};   ///< by stated data set; each sorted, unique
  void add(const Ancestry& other);
};

/// The ancestry recorded in the run folder that holds `product` (a file or folder in it, or the run folder itself);
/// empty when there is no provenance.json.
Ancestry read_ancestry(const fs::path& product);

/// provenance.json: {"starts": [a row per start], "ancestry": {"patients": [...], "image_hashes": [...],
/// "patients_of": {"DATA SET": [...]}}}. Read once:
/// an ancestry of a million images is 70 MB of text, and the run's lock makes this process the only writer.
class Provenance {
 public:
  explicit Provenance(fs::path file);
  /// A row: time, version, command line, working folder, host, pid, job, processor, GPUs, libraries, `device` as asked for.
  void add_start(const std::string& command, const std::string& device);
  /// Further fields of the newest row, for example the device that was chosen.
  void describe_start(const Json& fields);
  void set_ancestry(const Ancestry& ancestry);

 private:
  void write() const;
  fs::path file_;
  Json content_;
};

}  // namespace defound

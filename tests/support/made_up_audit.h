#pragma once
#include <fmt/format.h>

#include <sstream>
#include <string>
#include <vector>

#include "defound/tasks/audit.h"
#include "defound/tasks/phantom.h"
#include "support/planted_copies.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// Real phantoms (fundus, up to two images a patient, with splits) and a synthetic set: eight phantoms of another seed, four of
/// each label, one copy of a training image of each kind, and a re-encoded repetition of the first synthetic image.
struct MadeUpAudit {
  TempFolder folder;
  fs::path real = folder / "real", synthetic = folder / "synthetic", output = folder / "audit";
  std::vector<std::string> copied;   ///< the training image that copy i was made of, relative to `real`

  MadeUpAudit() : MadeUpAudit(drawn_once()) {}

  AuditConfig config() const {
    AuditConfig config;
    config.data.data = {synthetic.string()}, config.reference = {(real / "manifest.csv").string()};
    config.run.output = output.string(), config.resamples = 20, config.candidates = 2;
    config.calibration_images = 40;
    config.execution.device = "cpu", config.execution.threads = 1, config.execution.num_workers = 0,
    config.execution.log_level = "error";
    return config;
  }
  /// Runs the audit in this process; what it prints.
  std::string run(AuditConfig config) const {
    std::ostringstream out;
    audit(config, "defound-audit", out);
    return out.str();
  }

 private:
  struct Draw {};
  explicit MadeUpAudit(Draw) { draw(); }
  /// A fresh folder with the files of another.
  explicit MadeUpAudit(const MadeUpAudit& drawn) : copied(drawn.copied) {
    fs::copy(drawn.real, real, fs::copy_options::recursive);
    fs::copy(drawn.synthetic, synthetic, fs::copy_options::recursive);
  }
  static const MadeUpAudit& drawn_once() {
    static const MadeUpAudit drawn{Draw{}};
    return drawn;
  }

  void draw() {
    PhantomConfig config;
    config.count = 60, config.size = 96, config.seed = 2, config.threads = 1, config.log_level = "error";
    config.output = real.string();
    make_phantoms(config);
    fs::create_directories(synthetic);
    std::string rows = "path,label,split,prompt,source,seed\n";
    const auto add = [&](const std::string& name, const Image& image, const std::string& label) {
      write_image(synthetic / name, image);
      rows += fmt::format("{},{},train,,synthetic,100\n", name, label);
    };
    const std::vector<Image> others = phantom_images("fundus", 8, 96, 9);
    for (size_t i = 0; i < others.size(); ++i) add(fmt::format("new_{}.png", i), others[i], i % 2 ? "severe" : "no_dr");
    RandomStream stream = Draws(3, "made-up audit").stream(0);
    const auto training = training_images();
    for (size_t i = 0; i < kCopyKinds.size(); ++i) {
      copied.push_back(training[3 * i]);
      add("copy_" + kCopyKinds[i] + ".png", plant_copy(read_image(real / copied.back()), kCopyKinds[i], stream), "severe");
    }
    add("again.png", decode_image(encode_jpeg(others[0], 60), "a duplicate"), "no_dr");
    folder.write("synthetic/manifest.csv", rows);
  }

  /// Those of split train, in the order of the manifest, read off its lines: path,label,patient,split.
  std::vector<std::string> training_images() const {
    std::istringstream manifest(read_text(real / "manifest.csv"));
    std::vector<std::string> paths;
    for (std::string line; std::getline(manifest, line);)
      if (line.find(",train") != std::string::npos) paths.push_back(line.substr(0, line.find(',')));
    return paths;
  }
};

}  // namespace defound::testing

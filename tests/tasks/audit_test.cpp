#include "defound/tasks/audit.h"

#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/data/csv.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/image/image_io.h"
#include "defound/image/resize.h"
#include "defound/tasks/encoder.h"
#include "defound/tensor/npy.h"
#include "support/command.h"
#include "support/expect_error.h"
#include "support/made_up_audit.h"
#include "support/made_up_classifier.h"
#include "support/made_up_mae.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::kCopyKinds;
using testing::MadeUpAudit;
using testing::MadeUpClassifier;
using testing::MadeUpMae;
using testing::run_command;

std::vector<CsvRecord> csv_rows(const fs::path& path) { return parse_csv(read_text(path), path.string()); }
Json metrics_of(const fs::path& run) { return parse_json(read_text(run / "metrics.json"), "metrics.json"); }

torch::Tensor features_of(const fs::path& encoder_run, const fs::path& data) {
  DataOptions options;
  options.data = {data.string()};
  const Encoder encoder = load_encoder({encoder_run.string(), "", "mean"});
  return embed_images(*encoder.model, ImageDataset(load_table(options), *encoder.transform, 0), 16, torch::kCPU, 0);
}

/// A classifier of the phantoms' labels (its weights are random).
struct PhantomClassifier : MadeUpClassifier {
  PhantomClassifier() { write_atomic(run / "classes.json", "[\"no_dr\", \"severe\"]\n"); }
};

TEST(Audit, NamesCopiesAndRepetitionsAndFiltersThem) {
  const MadeUpAudit made;
  AuditConfig config = made.config();
  config.write_filtered = true;
  const std::string printed = made.run(config);
  EXPECT_NE(printed.find("6 of 15 images are copies, 1 near-duplicates"), std::string::npos) << printed;

  const auto rows = csv_rows(made.output / "memorization.csv");
  ASSERT_EQ(rows.size(), 16u);
  EXPECT_EQ(rows[0].fields, (std::vector<std::string>{"path", "nearest", "similarity", "copy"}));
  const auto lands_at = [&](const std::string& path) { return (made.output / path).lexically_normal(); };
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(rows[1 + i].fields[3], "") << rows[1 + i].fields[0];
  for (size_t i = 0; i < kCopyKinds.size(); ++i) {
    const auto& fields = rows[9 + i].fields;
    EXPECT_TRUE(fs::equivalent(lands_at(fields[0]), made.synthetic / ("copy_" + kCopyKinds[i] + ".png")));
    EXPECT_TRUE(fs::equivalent(lands_at(fields[1]), made.real / made.copied[i])) << fields[1];
    EXPECT_EQ(fields[3], kCopyKinds[i]);
  }
  const auto duplicates = csv_rows(made.output / "duplicates.csv");
  ASSERT_EQ(duplicates.size(), 2u);
  EXPECT_TRUE(fs::equivalent(lands_at(duplicates[1].fields[0]), made.synthetic / "again.png"));
  EXPECT_TRUE(fs::equivalent(lands_at(duplicates[1].fields[1]), made.synthetic / "new_0.png"));

  DataOptions filtered;
  filtered.data = {(made.synthetic / "manifest-filtered.csv").string()};
  const ImageTable left = load_table(filtered);
  ASSERT_EQ(left.size(), 8);
  for (int64_t i = 0; i < 8; ++i)
    EXPECT_TRUE(fs::equivalent(left.rows[static_cast<size_t>(i)].path, made.synthetic / fmt::format("new_{}.png", i)));
  EXPECT_EQ(left.rows[0].source, "synthetic");
  EXPECT_EQ(left.rows[0].extra, std::vector<std::string>{"100"});

  const Json metrics = metrics_of(made.output);
  EXPECT_EQ(metrics["memorization"]["copies"], 6);
  EXPECT_EQ(metrics["memorization"]["kinds"]["cropped"], 1);
  EXPECT_FALSE(metrics.contains("fidelity"));
  const std::string report = read_text(made.output / "report.html");
  for (const char* part : {"6 synthetic images are copies", "synthetic: exact", "data:image/png;base64,", "threshold",
                           "stands on", "Near-duplicates"})
    EXPECT_NE(report.find(part), std::string::npos) << part;
  EXPECT_TRUE(fs::exists(made.output / "DONE"));
  for (const auto& entry : fs::directory_iterator(made.output))
    EXPECT_EQ(entry.path().filename().string().find("pictures"), std::string::npos);
}

/// A generator of few pixels copies what it can show of its training images: those are compared at its size.
TEST(Audit, FindsCopiesDrawnInFewPixels) {
  const MadeUpAudit made;
  const fs::path small = made.folder / "small";
  const auto shrink = [&](const fs::path& from, const std::string& name) { write_image(small / name, resize(read_image(from), 16, 16, Filter::kBilinear)); };
  fs::create_directories(small);
  std::string rows = "path,label,split,prompt,source,seed\n";
  for (int64_t i = 0; i < 8; ++i) {
    shrink(made.synthetic / fmt::format("new_{}.png", i), fmt::format("new_{}.png", i));
    rows += fmt::format("new_{}.png,{},train,,synthetic,100\n", i, i % 2 ? "severe" : "no_dr");
  }
  for (size_t i = 0; i < made.copied.size(); ++i) {
    shrink(made.real / made.copied[i], fmt::format("copy_{}.png", i));
    rows += fmt::format("copy_{}.png,severe,train,,synthetic,100\n", i);
  }
  made.folder.write("small/manifest.csv", rows);
  AuditConfig config = made.config();
  config.data.data = {small.string()};
  made.run(config);
  EXPECT_EQ(metrics_of(made.output)["memorization"]["compared_pixels"], 16);
  for (const CsvRecord& row : csv_rows(made.output / "memorization.csv")) {
    const std::string name = fs::path(row.fields[0]).filename().string();
    if (name == "path") continue;
    EXPECT_EQ(!row.fields[3].empty(), name.starts_with("copy_")) << name << " " << row.fields[2];
  }
}

TEST(Audit, FeaturesFromAnEncoderAndFromFilesGiveTheSame) {
  const MadeUpAudit made;
  const MadeUpMae mae;
  AuditConfig config = made.config();
  config.encoder = mae.run.string(), config.nearest = 3;
  made.run(config);
  const Json by_encoder = metrics_of(made.output)["fidelity"];
  for (const char* name : {"frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"}) {
    SCOPED_TRACE(name);
    for (const Json& group : {by_encoder["metrics"], by_encoder["per_class"]["severe"], by_encoder["real_test_split"]}) {
      EXPECT_LE(group[name]["low"].get<double>(), group[name]["value"].get<double>());
      EXPECT_GE(group[name]["high"].get<double>(), group[name]["value"].get<double>());
    }
    EXPECT_EQ(by_encoder["per_class"]["no_dr"][name]["synthetic"], 5);
  }
  EXPECT_NE(read_text(made.output / "report.html").find("Fidelity and coverage"), std::string::npos);

  fs::remove_all(made.output);
  config.encoder = "", config.features_data = (made.folder / "made.npy").string(),
  config.features_reference = (made.folder / "real.npy").string();
  save_npy(config.features_data, features_of(mae.run, made.synthetic));
  save_npy(config.features_reference, features_of(mae.run, made.real));
  made.run(config);
  const Json by_files = metrics_of(made.output)["fidelity"];
  for (const char* name : {"frechet_distance", "precision", "coverage"})
    EXPECT_NEAR(by_files["metrics"][name]["value"].get<double>(), by_encoder["metrics"][name]["value"].get<double>(), 1e-4)
        << name;
}

TEST(Audit, AskTheClassifierAndTheProbes) {
  const MadeUpAudit made;
  const MadeUpMae mae;
  const PhantomClassifier classifier;
  AuditConfig config = made.config();
  config.encoder = mae.run.string(), config.nearest = 3, config.linear_probe = true, config.probe_strength = 0.1;
  config.classifier = classifier.run.string(), config.write_filtered = config.filter_labels = true;
  made.run(config);
  const Json metrics = metrics_of(made.output);
  const Json& agreement = metrics["label_agreement"];
  EXPECT_EQ(agreement["synthetic"]["all"]["n"], 15);
  EXPECT_EQ(agreement["synthetic"]["per_class"]["severe"]["n"], 10);
  const double confirmed = agreement["synthetic"]["per_class"]["severe"]["value"].get<double>() * 10 +
                           agreement["synthetic"]["per_class"]["no_dr"]["value"].get<double>() * 5;
  EXPECT_NEAR(agreement["synthetic"]["all"]["value"].get<double>() * 15, confirmed, 1e-9);
  EXPECT_GT(agreement["real_test_split"]["all"]["n"], 5);
  for (const char* probe : {"trained_on_synthetic", "trained_on_real"})
    EXPECT_GE(metrics["probes"][probe]["metrics"]["macro_auroc"]["value"].get<double>(), 0) << probe;
  EXPECT_EQ(metrics["probes"]["trained_on_synthetic"]["images"],
            metrics["probes"]["trained_on_real"]["images"]);   // one test split
  EXPECT_LE(metrics["filtered_images"].get<double>(), std::min(8.0, confirmed));
  const std::string report = read_text(made.output / "report.html");
  for (const char* part : {"confirm the labels", "Trained on synthetic, tested on real"})
    EXPECT_NE(report.find(part), std::string::npos) << part;
}

TEST(Audit, MistakesAreNamedBeforeAnythingIsWritten) {
  const MadeUpAudit made;
  const auto expect = [&](const std::string& words, const std::function<void(AuditConfig&)>& change) {
    AuditConfig config = made.config();
    change(config);
    expect_error(ExitCode::kUsage, words, [&] { made.run(config); });
    EXPECT_FALSE(fs::exists(made.output)) << words;
    EXPECT_FALSE(fs::exists(made.synthetic / "manifest-filtered.csv")) << words;
  };
  expect("--reference is missing", [](AuditConfig& c) { c.reference = {}; });
  expect("does not exist", [](AuditConfig& c) { c.reference = {"nowhere"}; });
  expect("no images are given", [](AuditConfig& c) { c.data.data = {}; });
  expect("go together", [](AuditConfig& c) { c.features_data = "a.npy"; });
  expect("needs features", [](AuditConfig& c) { c.linear_probe = true; });
  expect("needs --classifier", [](AuditConfig& c) { c.write_filtered = c.filter_labels = true; });

  const auto with_features = [&](const torch::Tensor& synthetic, const torch::Tensor& reference) {
    return [&, synthetic, reference](AuditConfig& c) {
      c.features_data = (made.folder / "made.npy").string(), c.features_reference = (made.folder / "real.npy").string();
      save_npy(c.features_data, synthetic), save_npy(c.features_reference, reference);
    };
  };
  const torch::Tensor right = torch::rand({15, 4}), real = torch::rand({60, 4});
  torch::Tensor hole = right.clone();
  hole[7][2] = NAN;
  expect("expected [15, D]", with_features(right.slice(0, 1), real));
  expect("expected [60, D]", with_features(right, real.slice(0, 0, 59)));
  expect("row 7", with_features(hole, real));
  expect("4 numbers an image, --features_reference 3", with_features(right, real.slice(1, 0, 3)));

  made.folder.write("real/manifest.csv",
                    "path,label,patient\n" + made.copied[0] + ",severe,one\n" + made.copied[1] + ",no_dr,one\n");
  expect("images of 1 patient;", [](AuditConfig&) {});
  made.folder.write("real/manifest.csv", "path,label,patient\n" + made.copied[0] + ",severe,one\n" + made.copied[1] +
                                             ",third,two\n" + made.copied[2] + ",no_dr,three\n");
  expect("class 'third' has no image in --data", [](AuditConfig&) {});
  made.folder.write("real/manifest.csv", "path,label,patient\n" + made.copied[0] + ",severe,one\n");
  expect("no class 'no_dr'", [](AuditConfig&) {});
}

TEST(Audit, NothingOfTheUsersIsReplaced) {
  const MadeUpAudit made;
  made.folder.write("synthetic/manifest-filtered.csv", "mine");
  AuditConfig config = made.config();
  config.write_filtered = true;
  expect_error(ExitCode::kUsage, "is there already", [&] { made.run(config); });
  EXPECT_EQ(read_text(made.synthetic / "manifest-filtered.csv"), "mine");
  EXPECT_FALSE(fs::exists(made.output));
  config.write_filtered = false, config.execution.dry_run = true;
  EXPECT_NE(made.run(config).find("synthetic images"), std::string::npos);
  EXPECT_FALSE(fs::exists(made.output));
  made.folder.write("audit/mine.txt", "keep");
  config.execution.dry_run = false;
  expect_error(ExitCode::kUsage, "mine.txt", [&] { made.run(config); });
}

TEST(Audit, UnreadableImagesAreListedAndTheirFeaturesLeftOut) {
  const MadeUpAudit made;
  std::string rows = read_text(made.synthetic / "manifest.csv");
  for (int64_t i = 0; i < 99; ++i) rows += fmt::format("new_{}.png,severe,train,,synthetic,{}\n", 1 + 2 * (i % 4), i);
  made.folder.write("synthetic/manifest.csv", rows + "broken.png,severe,train,,synthetic,1\n");
  made.folder.write("synthetic/broken.png", "no image");
  AuditConfig config = made.config();
  config.features_data = (made.folder / "made.npy").string(), config.features_reference = (made.folder / "real.npy").string();
  save_npy(config.features_data, torch::cat({torch::rand({114, 4}), torch::full({1, 4}, 1e6)})),
      save_npy(config.features_reference, torch::rand({60, 4}));
  config.candidates = 1;
  made.run(config);
  EXPECT_EQ(csv_rows(made.output / "bad_files.csv").size(), 2u);
  EXPECT_EQ(csv_rows(made.output / "memorization.csv").size(), 115u);
  EXPECT_LT(metrics_of(made.output)["fidelity"]["metrics"]["frechet_distance"]["value"].get<double>(),
            10);   // the row of 1e6 is not in it
}

TEST(AuditCommand, AuditsAndLeavesWhenDone) {
  const MadeUpAudit made;
  const std::string line = fmt::format(
      "defound-audit --data {} --reference {} --output {} --candidates 3 --threads 1 --log_level warn", made.synthetic.string(),
      made.real.string(), made.output.string());
  const auto result = run_command(line + " --write_filtered");
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("6 of 15 images are copies"), std::string::npos) << result.output;
  EXPECT_TRUE(fs::exists(made.synthetic / "manifest-filtered.csv"));
  const auto written = fs::last_write_time(made.output / "report.html");
  EXPECT_EQ(run_command(line + " --write_filtered --resume auto").exit_code, 0);
  EXPECT_EQ(fs::last_write_time(made.output / "report.html"), written);
  EXPECT_EQ(run_command(line).exit_code, 2);
  EXPECT_EQ(run_command("defound-audit --data nowhere --reference " + made.real.string() + " --output " +
                        (made.folder / "other").string())
                .exit_code,
            2);
  EXPECT_FALSE(fs::exists(made.folder / "other"));
}

}  // namespace
}  // namespace defound

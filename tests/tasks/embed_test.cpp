#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/data/csv.h"
#include "defound/data/image_dataset.h"
#include "defound/data/load_table.h"
#include "defound/tasks/encoder.h"
#include "defound/tensor/npy.h"
#include "support/command.h"
#include "support/made_up_mae.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::MadeUpMae;
using testing::relative_error;
using testing::run_command;

std::vector<CsvRecord> rows_of(const fs::path& path) { return parse_csv(read_text(path), path.string()); }

size_t occurrences(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(Embed, WritesFeaturesAndTheirRowsInTheOrderOfTheData) {
  const MadeUpMae made;
  const auto result = run_command(made.line("embed", "--batch_size 5"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("24 images, 16 features each"), std::string::npos) << result.output;

  const torch::Tensor features = load_npy(made.output / "features.npy");
  DataOptions options;
  options.data = {made.manifest()};
  const Encoder encoder = load_encoder({made.run.string(), "", "mean"});
  const ImageDataset dataset(load_table(options), *encoder.transform, 0);
  EXPECT_EQ(features.scalar_type(), torch::kFloat32);
  EXPECT_LT(relative_error(features, embed_images(*encoder.model, dataset, 24, torch::kCPU, 0)), 1e-5);

  const auto rows = rows_of(made.output / "features.csv");
  ASSERT_EQ(rows.size(), 25u);
  EXPECT_EQ(rows[0].fields, (std::vector<std::string>{"path", "label", "patient", "split"}));
  EXPECT_EQ(rows[3].fields, (std::vector<std::string>{"../images/02.png", "light", "patient 1", "train"}));
  options.data = {(made.output / "features.csv").string()};   // a manifest itself
  const ImageTable table = load_table(options);
  for (int64_t i = 0; i < table.size(); ++i) EXPECT_TRUE(fs::equivalent(table.rows[static_cast<size_t>(i)].path, dataset.table().rows[static_cast<size_t>(i)].path));

  EXPECT_TRUE(fs::exists(made.output / "DONE"));
  EXPECT_EQ(read_ancestry(made.output).patients.size(), 12u);
  EXPECT_FALSE(fs::exists(made.output / "metrics.json"));
  const std::string report = read_text(made.output / "report.html");
  EXPECT_EQ(occurrences(report, "<circle"), 24u);
  EXPECT_EQ(run_command(made.line("embed", "--batch_size 7 --resume auto")).exit_code, 0);   // done already
  EXPECT_EQ(run_command(made.line("embed")).exit_code, 2);
}

TEST(Embed, TheBatchSizeTheWorkersAndTheOtherImagesChangeNoFeature) {
  const MadeUpMae made;
  ASSERT_EQ(run_command(made.line("embed", "--batch_size 1 --num_workers 0 --pool cls")).exit_code, 0);
  const torch::Tensor all = load_npy(made.output / "features.npy");
  fs::remove_all(made.output);
  ASSERT_EQ(run_command(made.line("embed", "--batch_size 64 --num_workers 2 --pool cls --split test")).exit_code, 0);
  EXPECT_LT(relative_error(load_npy(made.output / "features.npy"), all.slice(0, 16)), 1e-5);
}

TEST(Embed, ProbesAreFittedOnTrainAndMeasuredOnTest) {
  const MadeUpMae made;
  const auto result = run_command(made.line("embed", "--knn 3 --linear_probe --resamples 50"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("k nearest neighbors, k 3"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("Linear probe, C"), std::string::npos) << result.output;
  const Json metrics = parse_json(read_text(made.output / "metrics.json"), "metrics.json");
  EXPECT_EQ(metrics["leaks"]["checked"], false);
  for (const char* probe : {"knn", "linear_probe"}) {
    SCOPED_TRACE(probe);
    const Json& scores = metrics["probes"][probe];
    EXPECT_EQ(scores["images"], 8);
    EXPECT_EQ(scores["patients"], 4);
    EXPECT_EQ(scores["metrics"]["macro_auroc"]["value"], 1.0);   // dark and light are easy to tell apart
    EXPECT_EQ(scores["metrics"]["macro_auroc"]["low"], 1.0);
    const auto rows = rows_of(made.output / (std::string(probe) + "_predictions.csv"));
    ASSERT_EQ(rows.size(), 9u);
    for (size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(rows[i].fields[1], rows[i].fields[3]);
  }
  EXPECT_EQ(metrics["probes"]["knn"]["settings"]["temperature"], 0.07);
  EXPECT_EQ(metrics["probes"]["linear_probe"]["settings"]["validation"].size(), 15u);
  const std::string report = read_text(made.output / "report.html");
  for (const char* part : {"Probes on split test", "ROC, each class against the rest", "could not be checked", "principal components"})
    EXPECT_NE(report.find(part), std::string::npos) << part;
}

TEST(Embed, TestPatientsThatWentIntoTheEncoderAreRefused) {
  const MadeUpMae made;
  Ancestry ancestry;
  ancestry.add({{"patient 9"}, {}});
  Provenance(made.run / "provenance.json").set_ancestry(ancestry);
  const auto refused = run_command(made.line("embed", "--knn 3"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("patient 9"), std::string::npos) << refused.output;
  EXPECT_FALSE(fs::exists(made.output));
  ASSERT_EQ(run_command(made.line("embed", "--knn 3 --allow_leak --resamples 20")).exit_code, 0);
  EXPECT_NE(read_text(made.output / "report.html").find("Leak:"), std::string::npos);
  fs::remove_all(made.output);
  EXPECT_EQ(run_command(made.line("embed")).exit_code, 0);   // features alone claim nothing
}

TEST(Embed, MistakesAreNamedBeforeAnythingIsWritten) {
  const MadeUpMae made;
  const auto expect = [&](const std::string& options, const std::string& words) {
    const auto result = run_command(made.line("embed", options));
    EXPECT_EQ(result.exit_code, 2) << options;
    EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
    EXPECT_FALSE(fs::exists(made.output)) << options;
  };
  expect("--knn 13", "only 12 labelled images");
  expect("--knn 3 --split test", "leave --split out");
  expect("--linear_probe --label_column grade", "no column 'grade'");
  expect("--pool max", "pool");
  expect("--arch vit_base_patch16", "leave --arch out");
  expect("--knn 3 --labels dark", "only 'dark'");
  const std::string manifest = read_text(made.manifest());
  const auto rewrite = [&](const std::string& from, const std::string& to) {
    std::string text = manifest;
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
    write_atomic(made.manifest(), text);
  };
  rewrite("path,label,", "path,grade,");
  expect("--knn 3", "no image has a label");
  rewrite(",val\n", ",train\n");
  expect("--linear_probe", "split val");
  rewrite(",test\n", ",val\n");
  expect("--knn 3", "test");
  rewrite(",train\n", ",\n");
  expect("--knn 3", "train");
  rewrite("20.png,dark", "20.png,third");
  expect("--linear_probe", "class 'third' has no image in split train");
  rewrite("light", "");
  expect("--knn 3", "only 'dark'");
}

TEST(Embed, AStrengthThatIsGivenNeedsNoValidation) {
  const MadeUpMae made;
  std::string manifest = read_text(made.manifest());
  for (size_t at = manifest.find(",val\n"); at != std::string::npos; at = manifest.find(",val\n")) manifest.replace(at, 5, ",\n");
  write_atomic(made.manifest(), manifest);
  ASSERT_EQ(run_command(made.line("embed", "--linear_probe --probe_strength 0.5 --resamples 20")).exit_code, 0);
  const Json settings = parse_json(read_text(made.output / "metrics.json"), "metrics.json")["probes"]["linear_probe"]["settings"];
  EXPECT_EQ(settings["C"], 0.5);
  EXPECT_EQ(settings["chosen_by"], "--probe_strength");
}

TEST(Embed, DryRunWritesNothing) {
  const MadeUpMae made;
  const auto result = run_command(made.line("embed", "--dry_run --knn 3"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("24 x 16"), std::string::npos) << result.output;
  EXPECT_FALSE(fs::exists(made.output));
}

}  // namespace
}  // namespace defound

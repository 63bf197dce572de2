#include "defound/tasks/evaluate.h"

#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/data/csv.h"
#include "defound/eval/metrics.h"
#include "defound/image/geometry.h"
#include "support/command.h"
#include "support/made_up_classifier.h"

namespace defound {
namespace {

using testing::MadeUpClassifier;
using testing::run_command;

/// Predictions as predictions.csv holds them.
Predictions read_predictions(const fs::path& path, const std::vector<std::string>& classes) {
  const auto records = parse_csv(read_text(path), path.string());
  Predictions out{static_cast<int64_t>(classes.size()), {}, {}};
  for (size_t i = 1; i < records.size(); ++i) {
    out.labels.push_back(std::find(classes.begin(), classes.end(), records[i].fields[1]) - classes.begin());
    for (size_t c = 0; c < classes.size(); ++c) out.probabilities.push_back(std::stod(records[i].fields[4 + c]));
  }
  return out;
}

TEST(Evaluate, WritesPredictionsMetricsAndReport) {
  const MadeUpClassifier made;
  const auto result = run_command(made.evaluate("--resamples 50 --batch_size 4"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("10 images of 5 patients, 2 classes"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("macro_auroc"), std::string::npos);

  const Predictions predictions = read_predictions(made.output / "predictions.csv", {"healthy", "ill"});
  ASSERT_EQ(predictions.size(), 10);   // the rows of split test, the short last batch included
  for (int64_t n = 0; n < 10; ++n) EXPECT_NEAR(predictions.probability(n, 0) + predictions.probability(n, 1), 1.0, 1e-8);
  const Json metrics = parse_json(read_text(made.output / "metrics.json"), "metrics.json");
  EXPECT_NEAR(metrics["metrics"]["macro_auroc"]["value"].get<double>(), ClassificationMetrics(predictions).value("macro_auroc"), 1e-12);
  EXPECT_EQ(metrics["subgroups"]["sex"].size(), 2u);
  const std::string report = read_text(made.output / "report.html");
  EXPECT_NE(report.find("ROC, each class against the rest"), std::string::npos);
  EXPECT_NE(report.find("data:image/png;base64,"), std::string::npos);
  EXPECT_EQ(report.find("Leak:"), std::string::npos);
}

TEST(Evaluate, IsTheSameForAnyBatchSizeAndWorkerCount) {
  const MadeUpClassifier made;
  ASSERT_EQ(run_command(made.evaluate("--resamples 20 --batch_size 3 --num_workers 0")).exit_code, 0);
  const Predictions first = read_predictions(made.output / "predictions.csv", {"healthy", "ill"});
  fs::remove_all(made.output);
  ASSERT_EQ(run_command(made.evaluate("--resamples 20 --batch_size 64 --num_workers 2")).exit_code, 0);
  const Predictions second = read_predictions(made.output / "predictions.csv", {"healthy", "ill"});
  EXPECT_EQ(first.labels, second.labels);
  ASSERT_EQ(first.probabilities.size(), second.probabilities.size());
  for (size_t i = 0; i < first.probabilities.size(); ++i) EXPECT_NEAR(first.probabilities[i], second.probabilities[i], 1e-6);
}

TEST(Evaluate, TestTimeAugmentationAveragesTheViews) {
  const MadeUpClassifier made;
  const auto predicted = [&](const std::string& options) {
    fs::remove_all(made.output);
    const auto result = run_command(made.evaluate("--resamples 20 --log_level error " + options));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return read_predictions(made.output / "predictions.csv", {"healthy", "ill"}).probabilities;
  };
  const auto plain = predicted(""), flip = predicted("--tta flip"), crops = predicted("--tta crops");
  EXPECT_EQ(parse_json(read_text(made.output / "metrics.json"), "metrics.json")["tta"], "crops");
  EXPECT_NE(read_text(made.output / "report.html").find("20 views of each"), std::string::npos);
  for (int64_t n = 0; n < 24; ++n) write_image(made.test_image(n), flip_horizontal(read_image(made.test_image(n))));
  const auto mirrored = predicted(""), mirrored_flip = predicted("--tta flip");
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_NE(plain[i], mirrored[i]);
    EXPECT_NEAR(flip[i], (plain[i] + mirrored[i]) / 2, 1e-6);
    EXPECT_NEAR(flip[i], mirrored_flip[i], 1e-6);
    EXPECT_NE(crops[i], flip[i]);
  }
  EXPECT_EQ(run_command(made.evaluate("--tta crop")).exit_code, 2);
}

TEST(Evaluate, ComparesWithAnotherModelOnTheSameImages) {
  const MadeUpClassifier made;
  ASSERT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 0);
  const std::string first = made.output.string() + "-first";
  fs::rename(made.output, first);
  Safetensors file = load_safetensors(made.run / "best.safetensors");
  file.tensors.at("head.weight").neg_();
  save_safetensors(made.run / "best.safetensors", file.tensors, file.metadata);
  const auto result = run_command(made.evaluate("--resamples 20 --compare " + first));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const Json compared = parse_json(read_text(made.output / "metrics.json"), "metrics.json")["compared"]["macro_auroc"];
  EXPECT_NEAR(compared["value"].get<double>() + compared["other"].get<double>(), 1.0, 1e-6);   // the order is turned round
  EXPECT_NEAR(compared["difference"].get<double>(), compared["value"].get<double>() - compared["other"].get<double>(), 1e-12);
  EXPECT_NE(read_text(made.output / "report.html").find("Compared with another model"), std::string::npos);

  fs::remove_all(made.output);
  EXPECT_EQ(run_command(made.evaluate("--split train --compare " + first)).exit_code, 2);   // other images
  EXPECT_EQ(run_command(made.evaluate("--compare nowhere")).exit_code, 2);
}

TEST(Evaluate, ALeakedPatientIsRefusedUnlessAllowed) {
  const MadeUpClassifier made;
  made.went_into_the_model({"patient 1", "somebody"}, {});
  const auto refused = run_command(made.evaluate("--resamples 20"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("1 of 5 test patients (patient 1) went into the model"), std::string::npos) << refused.output;
  EXPECT_FALSE(fs::exists(made.output));

  const auto allowed = run_command(made.evaluate("--resamples 20 --allow_leak"));
  ASSERT_EQ(allowed.exit_code, 0) << allowed.output;
  const std::string report = read_text(made.output / "report.html");
  EXPECT_LT(report.find("Leak: 1 of 5 test patients"), report.find("<h2>"));   // on top
}

TEST(Evaluate, ALeakedFileIsFoundUnderAnotherNameAndPatient) {
  const MadeUpClassifier made;
  made.went_into_the_model({"somebody"}, {sha256_file(made.test_image(3))});
  const auto refused = run_command(made.evaluate("--resamples 20"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("1 of 10 test images"), std::string::npos) << refused.output;
}

TEST(Evaluate, PatientsOfAnotherStatedDataSetAreOtherPersons) {
  const MadeUpClassifier made;
  Ancestry ancestry;
  ancestry.add({{}, {}, {{"north", {"patient 1"}}}});
  Provenance(made.run / "provenance.json").set_ancestry(ancestry);
  const auto unstated = run_command(made.evaluate("--resamples 20"));
  EXPECT_EQ(unstated.exit_code, 2);
  EXPECT_NE(unstated.output.find("column dataset"), std::string::npos) << unstated.output;
  const auto state = [&](const std::string& dataset) {
    std::string text;
    for (CsvRecord record : parse_csv(read_text(made.images / "manifest.csv"), "manifest.csv")) {
      record.fields.resize(5);
      record.fields.push_back(text.empty() ? "dataset" : dataset);
      text += csv_line(record.fields);
    }
    write_atomic(made.images / "manifest.csv", text);
  };
  state("north");
  EXPECT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 2);
  state("south");
  EXPECT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 0);
}

TEST(Evaluate, FewPatientsAndUnreadableImagesAreSaidOnTop) {
  const MadeUpClassifier made;
  std::string rows = "path,label,patient\n";
  for (int i = 0; i < 100; ++i) rows += fmt::format("{}.png,{},p{}\n", i % 24, i % 2 ? "ill" : "healthy", i % 2 ? i : i % 8);
  write_atomic(made.images / "broken.png", "no image");
  write_atomic(made.images / "manifest.csv", rows + "broken.png,ill,p100\n");
  const auto result = run_command(made.evaluate("--resamples 20"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const std::string report = read_text(made.output / "report.html");
  EXPECT_LT(report.find("1 of 101 images cannot be read"), report.find("<h2>"));
  EXPECT_LT(report.find("Fewer than 5 patients of healthy (4):"), report.find("<h2>"));
  EXPECT_EQ(parse_json(read_text(made.output / "metrics.json"), "metrics.json")["unreadable"], 1);
  EXPECT_TRUE(fs::exists(made.output / "bad_files.csv"));
}

TEST(Evaluate, CleanAncestryPassesAndUnknownAncestryIsSaid) {
  const MadeUpClassifier made;
  made.went_into_the_model({"somebody"}, {});
  ASSERT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 0);
  for (const char* word : {"Leak:", "could not be checked"}) EXPECT_EQ(read_text(made.output / "report.html").find(word), std::string::npos);
  fs::remove_all(made.output);
  fs::remove(made.run / "provenance.json");
  ASSERT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 0);
  EXPECT_NE(read_text(made.output / "report.html").find("could not be checked"), std::string::npos);
}

TEST(Evaluate, AFolderInUseIsRefusedUntouched) {
  const MadeUpClassifier made;
  fs::create_directories(made.output);
  write_atomic(made.output / "notes.txt", "mine");
  EXPECT_EQ(run_command(made.evaluate("")).exit_code, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(made.output), fs::directory_iterator()), 1);
}

TEST(Evaluate, AnEmptyFolderIsTaken) {
  const MadeUpClassifier made;
  fs::create_directories(made.output);
  EXPECT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 0);
  EXPECT_TRUE(fs::exists(made.output / "metrics.json"));
}

TEST(Evaluate, NothingIsLeftOfAFailedEvaluation) {
  const MadeUpClassifier made;
  write_atomic(made.test_image(0), "no image");   // one of ten: more than the 1 % that may be skipped
  EXPECT_EQ(run_command(made.evaluate("--resamples 20")).exit_code, 2);
  EXPECT_FALSE(fs::exists(made.output));
  for (const auto& entry : fs::directory_iterator(made.output.parent_path())) EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
}

TEST(Evaluate, DryRunWritesNothing) {
  const MadeUpClassifier made;
  const auto result = run_command(made.evaluate("--dry_run"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(result.output.find("not checked"), std::string::npos);
  EXPECT_FALSE(fs::exists(made.output));
}

TEST(Evaluate, MistakesAreNamed) {
  const MadeUpClassifier made;
  const auto expect = [&](const std::string& options, const std::string& words) {
    const auto result = run_command(made.evaluate(options));
    EXPECT_EQ(result.exit_code, 2) << options;
    EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
    EXPECT_FALSE(fs::exists(made.output));
  };
  expect("--subgroups age", "no column 'age'");
  expect("--split val", "val");
  expect("--resamples 0", "resamples");
  fs::rename(made.run / "classes.json", made.run / "other.json");
  expect("", "classes.json");
  write_atomic(made.run / "classes.json", "[\"healthy\", \"ill\", \"third\"]");
  expect("", "3 classes are named, the head has 2");
  write_atomic(made.run / "classes.json", "[\"healthy\", \"different\"]");
  expect("", "ill");
}

TEST(Evaluate, AnEncoderIsNoClassifier) {
  const MadeUpClassifier made;
  save_safetensors(made.run / "best.safetensors", {{"cls_token", torch::zeros({1, 1, 8})}});
  const auto result = run_command(made.evaluate(""));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.output.find("defound.config"), std::string::npos) << result.output;
}

TEST(Evaluate, WeightsThatAreNotFiniteFail) {
  const MadeUpClassifier made;
  Safetensors file = load_safetensors(made.run / "best.safetensors");
  file.tensors.at("head.bias").fill_(NAN);
  save_safetensors(made.run / "best.safetensors", file.tensors, file.metadata);
  const auto result = run_command(made.evaluate(""));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.output.find("not finite"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace defound

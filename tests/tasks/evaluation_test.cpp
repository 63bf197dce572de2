#include "defound/tasks/evaluation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace defound {
namespace {

/// Made-up predictions of three classes: two images a patient, right more often than not; sex and age known of most.
EvaluatedImages made_up(int64_t patients, std::vector<std::string> classes = {"none", "mild, early", "severe"}) {
  EvaluatedImages images{std::move(classes), {}, {}, {}, {{"sex", {}}, {"age", {}}, {"note", {}}}};
  images.predictions.classes = static_cast<int64_t>(images.classes.size());
  RandomStream stream = Draws(3, "made up").stream(0);
  for (int64_t p = 0; p < patients; ++p) {
    const int64_t label = p % 3;
    for (const char* eye : {"left", "right"}) {
      std::vector<double> weights;
      double sum = 0;
      for (int64_t c = 0; c < images.predictions.classes; ++c) sum += weights.emplace_back(stream.uniform() + (c == label ? 0.3 : 0.0));
      for (const double weight : weights) images.predictions.probabilities.push_back(weight / sum);
      images.predictions.labels.push_back(label);
      images.paths.push_back(fmt::format("{}-{}.png", p, eye));
      images.patients.push_back(fmt::format("p{}", p));
      images.columns[0].second.push_back(p % 2 == 0 ? "F" : "M");
      images.columns[1].second.push_back(std::to_string(20 + p));
      images.columns[2].second.push_back(fmt::format("note {} {}", p, eye));
    }
  }
  return images;
}

TEST(Evaluation, EveryMetricHasAnIntervalAroundIt) {
  const EvaluatedImages images = made_up(60);
  const Scores scores = score(images, {200}, 1);
  EXPECT_EQ(images.patient_count(), 60);
  for (const auto& metric : scores.metrics) {
    EXPECT_LE(metric.interval.low, metric.value + 0.05) << metric.name.name;
    EXPECT_GE(metric.interval.high, metric.value - 0.05) << metric.name.name;
    EXPECT_LT(metric.interval.low, metric.interval.high) << metric.name.name;
    EXPECT_EQ(metric.n, metric.name.of_class < 0 ? 120 : 40);
    EXPECT_EQ(metric.interval.resamples, 200);
  }
}

TEST(Evaluation, TheSameSeedGivesTheSameIntervals) {
  const EvaluatedImages images = made_up(20);
  const auto low = [&](uint64_t seed) { return score(images, {100}, seed).metrics[0].interval.low; };
  EXPECT_EQ(low(7), low(7));
  EXPECT_NE(low(7), low(8));
}

TEST(Evaluation, SubgroupsComeFromColumnsThatHaveThem) {
  const Scores scores = score(made_up(60), {50}, 1);
  ASSERT_EQ(scores.subgroups.size(), 2u + 4u);   // sex, age in quartiles; notes are all different
  EXPECT_EQ(scores.subgroups[0].column, "sex");
  EXPECT_EQ(scores.subgroups[0].patients, 30);
  EXPECT_EQ(scores.subgroups[0].images, 60);
  ASSERT_EQ(scores.subgroups[0].metrics.size(), 3u);
  EXPECT_EQ(scores.subgroups[0].metrics[0].name.name, "macro_auroc");
  EXPECT_EQ(scores.subgroups[0].metrics[1].name.name, "accuracy");
}

TEST(Evaluation, JsonHoldsEachMetricWithItsIntervalAndNumber) {
  const EvaluatedImages images = made_up(30);
  const Scores scores = score(images, {50}, 1);
  const Json json = Json::parse(scores_json(images, scores).dump());
  EXPECT_EQ(json["images"], 60);
  EXPECT_EQ(json["patients"], 30);
  EXPECT_EQ(json["metrics"]["macro_auroc"]["n"], 60);
  EXPECT_DOUBLE_EQ(json["metrics"]["macro_auroc"]["value"].get<double>(), ClassificationMetrics(images.predictions).value("macro_auroc"));
  EXPECT_EQ(json["per_class"]["mild, early"]["auroc"]["n"], 20);
  EXPECT_EQ(json["subgroups"]["sex"]["F"]["patients"], 15);
  EXPECT_EQ(json["confusion_matrix"].size(), 3u);
}

TEST(Evaluation, AClassWithoutImagesIsNamedAndNull) {
  const EvaluatedImages images = made_up(30, {"none", "mild", "severe", "other <5>"});
  const Scores scores = score(images, {50}, 1);
  const Json json = Json::parse(scores_json(images, scores).dump());
  EXPECT_EQ(json["classes_without_images"], Json::array({"other <5>"}));
  EXPECT_TRUE(json["per_class"]["other <5>"]["auroc"]["value"].is_null());
  Report report("title");
  add_scores(report, images, scores);
  EXPECT_NE(report.html().find("No image of other &lt;5&gt;: left out"), std::string::npos);
}

TEST(Evaluation, AClassOfFewPatientsIsNamed) {
  const auto html = [](EvaluatedImages images) {
    Report report("title");
    add_scores(report, images, score(images, {20}, 1));
    return report.html();
  };
  EXPECT_NE(html(made_up(14)).find("Fewer than 5 patients of severe (4):"), std::string::npos);   // the others have 5
  EXPECT_EQ(html(made_up(15)).find("Fewer than"), std::string::npos);
  EvaluatedImages unknown = made_up(9);
  for (auto& patient : unknown.patients) patient.clear();   // six images a class: as many patients
  EXPECT_EQ(html(unknown).find("Fewer than"), std::string::npos);
}

TEST(Evaluation, OnePatientHasNumbersButNoIntervals) {
  EvaluatedImages images = made_up(9);
  for (auto& patient : images.patients) patient = "same";
  const Scores scores = score(images, {50}, 1);
  EXPECT_FALSE(std::isnan(scores.metrics[0].value));
  EXPECT_TRUE(std::isnan(scores.metrics[0].interval.low));
  EXPECT_EQ(scores_text(scores).find("nan"), std::string::npos);
  EXPECT_TRUE(scores_json(images, scores)["metrics"]["accuracy"]["low"].dump() == "null");
}

TEST(Evaluation, CsvQuotesWhatNeedsIt) {
  EvaluatedImages images = made_up(2);
  images.paths[0] = "a \"b\".png";
  const std::string csv = predictions_csv(images);
  EXPECT_EQ(csv.substr(0, csv.find_first_of("\r\n")), "path,label,patient,prediction,prob.none,\"prob.mild, early\",prob.severe");
  EXPECT_NE(csv.find("\"a \"\"b\"\".png\",none,p0,"), std::string::npos);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
}

TEST(Evaluation, ManyClassesDrawTheHardestCurves) {
  EvaluatedImages images = made_up(60);
  images.classes.clear();
  for (int c = 0; c < 12; ++c) images.classes.push_back("class " + std::to_string(c));
  Predictions wide{12, {}, {}};
  RandomStream stream = Draws(5, "wide").stream(0);
  for (int64_t n = 0; n < images.predictions.size(); ++n) {
    wide.labels.push_back(n % 12);
    for (int64_t c = 0; c < 12; ++c) wide.probabilities.push_back(stream.uniform());
  }
  images.predictions = wide;
  Report report("title");
  add_scores(report, images, score(images, {20}, 1));
  EXPECT_NE(report.html().find("the 8 hardest classes"), std::string::npos);
}

}  // namespace
}  // namespace defound

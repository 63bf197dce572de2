#include <gtest/gtest.h>

#include <map>
#include <set>

#include "defound/core/error.h"
#include "defound/data/phantom/phantom_set.h"

namespace defound::phantom {
namespace {

const Draws kSetDraws(3, "phantom.test");

SetOptions three_grades(int64_t count) {
  SetOptions options;
  options.labels = {"no_dr", "moderate", "proliferative"};
  options.count = count;
  options.images_per_patient = 3;
  return options;
}

TEST(PhantomSet, HasTheCountsAskedFor) {
  SetOptions options = three_grades(301);
  std::map<std::string, int> counts;
  for (const Row& row : plan_set(options, kSetDraws)) ++counts[row.label];
  EXPECT_EQ(counts["no_dr"] + counts["moderate"] + counts["proliferative"], 301);
  for (const auto& [label, count] : counts) EXPECT_NEAR(count, 100.3, 1) << label;
  options.balance = {4, 1, 1};
  counts.clear();
  for (const Row& row : plan_set(options, kSetDraws)) ++counts[row.label];
  EXPECT_NEAR(counts["no_dr"], 200.7, 1);
  EXPECT_NEAR(counts["moderate"], 50.2, 1);
}

TEST(PhantomSet, PatientsHaveOneLabelAndOneSplit) {
  std::map<std::string, std::set<std::string>> labels, splits;
  std::map<std::string, std::map<std::string, double>> images;
  std::map<std::string, int> visits;
  std::set<std::string> paths;
  const auto rows = plan_set(three_grades(900), kSetDraws);
  for (const Row& row : rows) {
    labels[row.patient].insert(row.label);
    splits[row.patient].insert(row.split);
    images[row.label][row.split] += 1.0 / 300;
    ++visits[row.patient];
    paths.insert(row.path);
  }
  EXPECT_EQ(paths.size(), 900u);
  std::set<int> numbers;
  for (const auto& [patient, set] : labels) EXPECT_EQ(set.size(), 1u) << patient;
  for (const auto& [patient, set] : splits) EXPECT_EQ(set.size(), 1u) << patient;
  for (const auto& [patient, count] : visits) numbers.insert(count);
  EXPECT_EQ(numbers, (std::set<int>{1, 2, 3}));
  for (const auto& [label, shares] : images) {
    EXPECT_NEAR(shares.at("test"), 0.2, 0.01) << label;
    EXPECT_NEAR(shares.at("val"), 0.1, 0.01) << label;
  }
}

TEST(PhantomSet, DrawsDoNotDependOnLabels) {  // the same patients and images, whichever labels they get
  SetOptions options = three_grades(60), other = options;
  other.labels = {"severe", "no_dr", "mild"};
  const auto rows = plan_set(options, kSetDraws), others = plan_set(other, kSetDraws);
  ASSERT_EQ(rows.size(), others.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].patient_id, others[i].patient_id);
    EXPECT_EQ(rows[i].image_id, others[i].image_id);
    EXPECT_NE(rows[i].label, others[i].label);
  }
}

TEST(PhantomSet, AnotherSeedGivesOtherSplits) {
  const auto rows = plan_set(three_grades(90), kSetDraws), others = plan_set(three_grades(90), Draws(4, "phantom.test"));
  EXPECT_NE(manifest_text(rows), manifest_text(others));
  EXPECT_EQ(manifest_text(rows), manifest_text(plan_set(three_grades(90), kSetDraws)));
}

TEST(PhantomSet, WrongOptionsAreRejected) {
  const auto code = [](const SetOptions& options) {
    try {
      plan_set(options, kSetDraws);
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::kDone;
  };
  SetOptions options = three_grades(10);
  options.labels = {"no_dr", "modrate"};
  EXPECT_EQ(code(options), ExitCode::kUsage);
  options.labels = {"no_dr", "no_dr"};
  EXPECT_EQ(code(options), ExitCode::kUsage);
  options.labels = {};
  EXPECT_EQ(code(options), ExitCode::kUsage);
  options = three_grades(10);
  options.balance = {1, 2};
  EXPECT_EQ(code(options), ExitCode::kUsage);
  options.balance = {1, 0, 1};
  EXPECT_EQ(code(options), ExitCode::kUsage);
  options = three_grades(10);
  options.modality = "mri";
  EXPECT_EQ(code(options), ExitCode::kUsage);
  EXPECT_EQ(code(three_grades(10)), ExitCode::kDone);
}

}  // namespace
}  // namespace defound::phantom

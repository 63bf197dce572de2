#include "defound/data/split.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "defound/core/random.h"
#include "support/rejection.h"

namespace defound {
namespace {

/// 400 patients of 1 to 6 images; three classes, one of them rare, mixed within patients now and then.
ImageTable patients() {
  ImageTable table;
  RandomStream stream = Draws(3, "patients").stream(0);
  for (int patient = 0; patient < 400; ++patient) {
    const uint64_t images = 1 + stream.below(6);
    const std::string common = stream.chance(0.1) ? "rare" : stream.chance(0.3) ? "mild" : "normal";
    for (uint64_t i = 0; i < images; ++i) {
      ImageRow row;
      row.path = std::to_string(patient) + "_" + std::to_string(i);
      row.patient = "p" + std::to_string(patient);
      row.label_name = stream.chance(0.1) ? "normal" : common;
      table.rows.push_back(row);
    }
  }
  return table;
}

TEST(Split, PatientsStayTogetherAndLabelsKeepTheirShares) {
  for (const uint64_t seed : {0, 1, 2}) {
    ImageTable table = patients();
    assign_splits(table, {0.7, 0.1, 0.2}, seed);
    std::map<std::string, std::set<std::string>> splits_of;
    std::map<std::string, std::map<std::string, double>> counts;
    for (const ImageRow& row : table.rows) {
      splits_of[row.patient].insert(row.split);
      ++counts[row.label_name][row.split], ++counts[row.label_name]["all"];
    }
    for (const auto& [patient, splits] : splits_of) EXPECT_EQ(splits.size(), 1u) << patient;
    for (auto& [label, of] : counts) {
      EXPECT_NEAR(of["train"], 0.7 * of["all"], 4) << label;
      EXPECT_NEAR(of["val"], 0.1 * of["all"], 4) << label;
      EXPECT_NEAR(of["test"], 0.2 * of["all"], 4) << label;
    }
  }
}

TEST(Split, DependsOnTheSeedNotOnTheOrderOfRows) {
  const auto split_of_patients = [](ImageTable table, uint64_t seed) {
    assign_splits(table, {0.7, 0.1, 0.2}, seed);
    std::map<std::string, std::string> result;
    for (const ImageRow& row : table.rows) result[row.patient] = row.split;
    return result;
  };
  ImageTable reversed = patients();
  std::reverse(reversed.rows.begin(), reversed.rows.end());
  EXPECT_EQ(split_of_patients(patients(), 5), split_of_patients(reversed, 5));
  EXPECT_NE(split_of_patients(patients(), 5), split_of_patients(patients(), 6));
}

TEST(Split, AShareOfZeroGetsNothing) {
  ImageTable table = patients();
  assign_splits(table, {0.8, 0.0, 0.2}, 0);
  for (const ImageRow& row : table.rows) EXPECT_NE(row.split, "val");
}

TEST(Split, SharesAreChecked) {
  EXPECT_EQ(parse_shares({"0.7", "0.1", "0.2"})[2], 0.2);
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"0.7", "0.3"}, {"0.7", "0.1", "0.3"}, {"1.2", "-0.1", "-0.1"}, {"0.7", "x", "0.2"}, {"nan", "0", "1"}})
    testing::rejection_of([&] { parse_shares(wrong); });
}

}  // namespace
}  // namespace defound

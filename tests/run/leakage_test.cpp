#include "defound/run/leakage.h"

#include <gtest/gtest.h>

namespace defound {
namespace {

Ancestry trained_on(std::vector<std::string> patients, std::vector<std::string> hashes) {
  Ancestry ancestry;
  ancestry.add({std::move(patients), std::move(hashes)});
  return ancestry;
}

const std::vector<std::string> kPatients{"eve", "", "adam", "eve"}, kHashes{"h0", "h1", "h2", "h3"}, kPaths{"0.png", "1.png", "2.png", "3.png"};

TEST(Leakage, APatientOnBothSidesIsFound) {
  const Leaks leaks = find_leaks(trained_on({"zoe", "eve"}, {"x"}), kPatients, kHashes);
  EXPECT_TRUE(leaks.checked && leaks.found());
  EXPECT_EQ(leaks.patients, (std::vector<std::string>{"eve"}));
  EXPECT_TRUE(leaks.images.empty());
  EXPECT_EQ(describe_leaks(leaks, kPatients, kPaths), "1 of 2 test patients (eve) went into the model");
}

TEST(Leakage, TheSameFileIsFoundWithoutPatients) {
  const Leaks leaks = find_leaks(trained_on({}, {"h3", "h1"}), kPatients, kHashes);
  EXPECT_EQ(leaks.images, (std::vector<size_t>{1, 3}));
  EXPECT_EQ(describe_leaks(leaks, kPatients, kPaths), "2 of 4 test images (1.png, 3.png) went into the model");
}

TEST(Leakage, NumbersOfStatedDataSetsAreOfOtherPersonsUnlessTheSetIsTheSame) {
  Ancestry ancestry = trained_on({"7"}, {});
  ancestry.add({{}, {}, {{"north", {"1", "2"}}, {"south", {"3"}}}});
  const auto leaked = [&](const std::string& patient, const std::string& dataset) { return find_leaks(ancestry, {patient}, {}, {dataset}).found(); };
  EXPECT_TRUE(leaked("1", "north"));
  EXPECT_FALSE(leaked("1", "south"));
  EXPECT_FALSE(leaked("1", "elsewhere"));
  EXPECT_TRUE(leaked("1", ""));       // a side that states none: nothing says that they differ
  EXPECT_TRUE(leaked("7", "north"));
  EXPECT_TRUE(find_leaks(ancestry, {"3"}, {}).found());
  EXPECT_FALSE(leaked("4", "north"));
}

TEST(Leakage, TheSameFileIsALeakWhateverTheDataSetsAreCalled) {
  const Leaks leaks = find_leaks(trained_on({}, {"h1"}), {"1", "2"}, {"h0", "h1"}, {"north", "north"});
  EXPECT_EQ(leaks.images, (std::vector<size_t>{1}));
}

TEST(Leakage, UnknownPatientsAreNeverTheSame) { EXPECT_FALSE(find_leaks(trained_on({""}, {"x"}), {"", ""}, {"a", "b"}).found()); }

TEST(Leakage, AnEmptyAncestryIsNoClearance) {
  EXPECT_FALSE(find_leaks({}, kPatients, kHashes).checked);
  EXPECT_TRUE(find_leaks(trained_on({"zoe"}, {}), kPatients, kHashes).checked);
  Ancestry stated;
  stated.add({{}, {}, {{"north", {"zoe"}}}});
  EXPECT_TRUE(find_leaks(stated, kPatients, kHashes).checked);
}

TEST(Leakage, ManyAreCountedAndFewNamed) {
  std::vector<std::string> patients;
  for (int i = 0; i < 40; ++i) patients.push_back("p" + std::to_string(i));
  const std::string text = describe_leaks(find_leaks(trained_on(patients, {}), patients, {}), patients, {});
  EXPECT_EQ(text, "40 of 40 test patients (p0, p1, p10, p11, p12, ...) went into the model");
}

}  // namespace
}  // namespace defound

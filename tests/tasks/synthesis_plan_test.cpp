#include <gtest/gtest.h>

#include <algorithm>

#include "defound/data/csv.h"
#include "support/expect_error.h"
#include "support/made_synthesis.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::MadeSynthesis;
using Counts = std::map<std::string, int64_t>;

/// Jobs of a generator that reads text, and what their manifests say.
struct MadePlan : MadeSynthesis {
  explicit MadePlan(bool reads_text = true) {
    generator.reads_text = reads_text;
    generator.request_for = [](const std::string& label) { return "photo of " + label; };
    config.count.clear();
  }
  std::vector<CsvRecord> rows() {
    fs::remove_all(folder / "set");
    run("set");
    auto records = parse_csv(read_text(folder / "set/manifest.csv"), "manifest.csv");
    records.erase(records.begin());
    return records;
  }
  Counts counts(size_t column) {
    Counts found;
    for (const CsvRecord& row : rows()) ++found[row.fields[column]];
    return found;
  }
  Counts labels() { return counts(1); }
  Counts prompts() { return counts(3); }
  void refuses(const std::string& words) {
    expect_error(ExitCode::kUsage, words, [&] { run("refused"); });
    EXPECT_FALSE(fs::exists(folder / "refused"));
  }
};

TEST(SynthesisPlan, CountsPerLabelCombinationAndPrompt) {
  MadePlan made;
  made.config.count = {"ill=3", "healthy|ill=2"}, made.config.prompt = {"a macula=4"};
  EXPECT_EQ(made.labels(), (Counts{{"ill", 3}, {"healthy|ill", 2}, {"", 4}}));
  EXPECT_EQ(made.prompts(), (Counts{{"photo of ill", 3}, {"photo of healthy, photo of ill", 2}, {"a macula", 4}}));
  EXPECT_TRUE(fs::exists(made.folder / "set/healthy+ill/healthy+ill_000001.png"));
  EXPECT_TRUE(fs::exists(made.folder / "set/prompt_000/prompt_000_000003.png"));
  made.config.count = {"2"}, made.config.prompt.clear();
  EXPECT_EQ(made.labels(), (Counts{{"ill", 2}, {"healthy", 2}}));
}

TEST(SynthesisPlan, TemplatesAreTakenInTurnAndChangeNoSeed) {
  MadePlan made;
  made.config.count = {"ill=5", "healthy|ill=1"};
  const auto without = made.rows();
  made.config.prompt_template = {"a clear photo of {label}", "a photo of {label}"};
  const auto with = made.rows();
  ASSERT_EQ(with.size(), 6u);
  EXPECT_EQ(with[0].fields[3], "a clear photo of ill");
  EXPECT_EQ(with[1].fields[3], "a photo of ill");
  EXPECT_EQ(with[4].fields[3], "a clear photo of ill");
  EXPECT_EQ(with[5].fields[3], "a clear photo of healthy, ill");
  for (size_t i = 0; i < with.size(); ++i) EXPECT_EQ(with[i].fields[5], without[i].fields[5]);
}

TEST(SynthesisPlan, AnImageKeepsItsSeedWhenMoreAreAskedFor) {
  MadePlan made;
  made.config.count = {"ill=2"};
  const auto two = made.rows();
  made.config.count = {"ill=4", "healthy=9"};
  const auto more = made.rows();
  for (const CsvRecord& row : two)
    EXPECT_TRUE(std::any_of(more.begin(), more.end(), [&](const CsvRecord& other) { return other.fields == row.fields; }))
        << row.fields[0];
}

TEST(SynthesisPlan, WhatCannotBePlannedIsRefused) {
  const auto refuses = [](bool reads_text, const std::string& words, const std::function<void(SynthesizeConfig&)>& set) {
    MadePlan made(reads_text);
    set(made.config);
    made.refuses(words);
  };
  refuses(true, "how many images?", [](auto&) {});
  refuses(true, "did you mean 'healthy'", [](auto& config) { config.count = {"helthy=2"}; });
  refuses(true, "did you mean 'healthy'", [](auto& config) { config.count = {"ill|helthy=2"}; });
  refuses(true, "a label is empty", [](auto& config) { config.count = {"ill|=2"}; });
  refuses(true, "names a label twice", [](auto& config) { config.count = {"ill|ill=2"}; });
  refuses(true, "ill is counted twice", [](auto& config) { config.count = {"ill=2", "ill=3"}; });
  refuses(true, "'x' is not a number", [](auto& config) { config.count = {"ill=x"}; });
  refuses(true, "'a' is asked for twice", [](auto& config) { config.prompt = {"a=2", "a=3"}; });
  refuses(true, "does not hold {label}", [](auto& config) { config.count = {"2"}, config.prompt_template = {"a photo"}; });
  refuses(true, "contradict", [](auto& config) { config.count = {"2"}, config.balance_to = "5", config.data.data = {"x"}; });
  refuses(false, "knows labels only", [](auto& config) { config.prompt = {"a=2"}; });
  refuses(false, "knows labels only", [](auto& config) { config.count = {"2"}, config.prompt_template = {"a {label}"}; });
  refuses(false, "was not trained on this combination", [](auto& config) { config.count = {"ill|healthy=2"}; });
}

TEST(SynthesisPlan, BalancesToANumberOrToAMultipleOfALabel) {
  MadePlan made(false);
  made.config.data.data = {
      made.folder.write("real.csv", "path,label\na.png,healthy\nb.png,healthy\nc.png,healthy\nd.png,ill\n").string()};
  made.config.balance_to = "4";
  EXPECT_EQ(made.labels(), (Counts{{"healthy", 1}, {"ill", 3}}));
  made.config.balance_to = "2x:healthy";
  EXPECT_EQ(made.labels(), (Counts{{"healthy", 3}, {"ill", 5}}));
  for (const auto& [text, words] :
       {std::pair("1", "--data has 1 images or more of every label"), std::pair("2x:helthy", "did you mean 'healthy'"),
        std::pair("many", "'many' is not a number"), std::pair("9999999x:healthy", "are more than")}) {
    made.config.balance_to = text;
    made.refuses(words);
  }
  made.config.data.data.clear();
  made.refuses("needs --data");
}

TEST(SynthesisPlan, BalancesByTheDatasLabelsWhereATextModelKnowsNone) {
  MadePlan made(true);
  made.generator.labels.clear();
  made.config.data.data = {made.folder.write("real.csv", "path,label\na.png,ill\nb.png,ill\nc.png,ill|healthy\n").string()};
  made.config.balance_to = "2x:ill";
  made.refuses("knows no labels; say with --prompt_template");
  made.config.prompt_template = {"a photo of {label}"};
  EXPECT_EQ(made.labels(), (Counts{{"ill", 2}, {"ill|healthy", 3}}));
}

TEST(SynthesisPlan, ACombinationThatTheGeneratorKnowsIsALabel) {
  MadePlan made(false);
  made.generator.labels = {"healthy", "healthy|ill"};
  made.config.count = {"healthy|ill=2"};
  EXPECT_EQ(made.labels(), (Counts{{"healthy|ill", 2}}));
}

TEST(SynthesisPlan, LabelsThatAreNamesOfTheRunAreRefusedAsFolders) {
  MadePlan made(false);
  made.generator.labels = {"parts", "b"};
  made.config.count = {"2"};
  made.refuses("the name is taken");
}

TEST(SynthesisPlan, ADryRunSaysClassesPartsAndDisk) {
  MadePlan made;
  made.config.count = {"healthy=1500", "ill=1000"}, made.config.format = "shards", made.config.images_per_shard = 500;
  made.config.execution.dry_run = true, made.config.part = "1/2";
  made.config.run.output = (made.folder / "set").string();
  std::ostringstream out;
  EXPECT_EQ(synthesize(made.config, made.generator, "test", out), ExitCode::kDone);
  for (const std::string& words : {fmt::format("{:<24}1,500\n", "healthy"), fmt::format("{:<24}1,000\n", "ill"),
                                   std::string("2; part 1 has 1,000 images in 2 of 5 shards"),
                                   std::string("not known before a start"), std::string("disk")})
    EXPECT_NE(out.str().find(words), std::string::npos) << words << "\n" << out.str();
  EXPECT_FALSE(fs::exists(made.folder / "set"));
  SynthesizeConfig job = made.config;   // the rate is known once a start has made images
  job.execution.dry_run = false, job.count = {"8"}, job.part.clear();
  synthesize(job, made.generator, "test", out);
  job.execution.dry_run = true;
  synthesize(job, made.generator, "test", out);
  EXPECT_NE(out.str().find(" images/s at the last start"), std::string::npos) << out.str();
}

}  // namespace
}  // namespace defound

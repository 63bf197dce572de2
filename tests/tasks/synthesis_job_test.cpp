#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "defound/core/error.h"
#include "defound/data/check_images.h"
#include "defound/data/csv.h"
#include "defound/data/load_table.h"
#include "defound/data/shard.h"
#include "defound/tasks/bench.h"
#include "support/expect_error.h"
#include "support/made_synthesis.h"
#include "support/ordinary_user.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::made_up_generator;
using testing::MadeSynthesis;

/// Both forms of a set.
class SynthesisJob : public ::testing::TestWithParam<const char*> {
 protected:
  SynthesisJob() { made_.config.format = GetParam(); }
  bool in_shards() const { return made_.config.format == "shards"; }
  MadeSynthesis made_;
};
INSTANTIATE_TEST_SUITE_P(Formats, SynthesisJob, ::testing::Values("folder", "shards"));

TEST_P(SynthesisJob, AnyNumberOfPartsGivesTheSameSet) {
  made_.run("whole");
  const auto whole = made_.product("whole");
  EXPECT_EQ(whole.size(), in_shards() ? 8u + 1 : 37u + 1);   // and the manifest
  for (const int64_t parts : {2, 3, 9}) {
    const std::string output = fmt::format("by{}", parts);
    made_.run_parts(output, parts);
    EXPECT_EQ(made_.product(output), whole) << parts;
  }
}

TEST_P(SynthesisJob, TheSetIsReadBackWithLabelsPromptsAndSeeds) {
  made_.run("set");
  DataOptions data;
  data.data = {(made_.folder / "set/manifest.csv").string()};
  const ImageTable table = load_table(data);
  EXPECT_EQ(class_counts(table), (std::vector<int64_t>{23, 14}));
  EXPECT_TRUE(check_images(table, 1).empty());
  std::set<std::string> seeds;
  for (const ImageRow& row : table.rows) seeds.insert(row.extra[0]);
  EXPECT_EQ(seeds.size(), 37u);
  EXPECT_EQ(table.rows[0].source, "synthetic");
  if (!in_shards()) return;
  data.data = {(made_.folder / "set/shards/*.tar").string()};
  const ImageTable packed = load_table(data);
  ASSERT_EQ(packed.size(), table.size());
  EXPECT_EQ(packed.extra_columns, table.extra_columns);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const ImageRow &a = table.rows[i], &b = packed.rows[i];
    EXPECT_EQ(std::tie(a.path, a.label_name, a.split, a.prompt, a.source, a.extra),
              std::tie(b.path, b.label_name, b.split, b.prompt, b.source, b.extra));
  }
}

TEST_P(SynthesisJob, ADoneJobWritesNothing) {
  made_.run_parts("parts", 2);
  made_.run("whole");
  const auto before = std::pair(made_.times("parts"), made_.times("whole"));
  for (const char* part : {"0/2", "1/2"}) EXPECT_EQ(made_.run("parts", part), ExitCode::kDone);
  EXPECT_EQ(made_.run("parts", "", true), ExitCode::kDone);
  EXPECT_EQ(made_.run("whole"), ExitCode::kDone);
  EXPECT_EQ(std::pair(made_.times("parts"), made_.times("whole")), before);
}

TEST_P(SynthesisJob, TwentyKillsLeaveTheUnbrokenSet) {
  made_.run("whole");
  const auto draw = made_.generator.draw;
  made_.generator.draw = [&](std::span<const std::string> requests, std::span<const uint64_t> seeds) {
    usleep(3000);
    return draw(requests, seeds);
  };
  RandomStream moments = Draws(5, "kills").stream(in_shards());
  int kills = 0, starts = 0;
  for (; kills < 20 && starts < 200; ++starts) {
    const pid_t child = fork();
    if (child == 0) {
      const int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDERR_FILENO);
      try {
        made_.run("broken", "1/2");
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    usleep(static_cast<useconds_t>(moments.below(150000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
    if (WIFEXITED(status)) {   // it was done: begin anew, so that every kill hits work
      ASSERT_EQ(WEXITSTATUS(status), 0);
      fs::remove_all(made_.folder / "broken");
    }
  }
  EXPECT_EQ(kills, 20);
  made_.generator.draw = draw;
  made_.run_parts("broken", 2);
  EXPECT_EQ(made_.product("broken"), made_.product("whole"));
}

TEST_P(SynthesisJob, RedrawnImagesAreTheSameForAnyDivision) {
  made_.config.count = {"healthy=37"};
  made_.run("first");
  const auto rows = parse_csv(read_text(made_.folder / "first/manifest.csv"), "manifest.csv");
  const uint64_t useless = std::stoull(rows[20].fields[5]);
  made_.generator = made_up_generator([=](uint64_t seed) { return seed == useless; });
  ::testing::internal::CaptureStderr();
  made_.run("whole");
  made_.run_parts("parts", 3);
  made_.run("changed", "1/2");   // then divided otherwise
  fs::remove_all(made_.folder / "changed/parts/00001-of-00002/DONE");
  for (int i = 0; i < 4; ++i) made_.run("changed", fmt::format("{}/4", i));
  ::testing::internal::GetCapturedStderr();
  fs::rename(made_.folder / "changed/parts/00001-of-00002", made_.folder / "changed/parts/earlier");
  made_.run("changed", "", true);
  EXPECT_NE(made_.product("whole"), made_.product("first"));
  EXPECT_EQ(made_.product("parts"), made_.product("whole"));
  EXPECT_EQ(made_.product("changed"), made_.product("whole"));
  const auto redrawn = parse_csv(read_text(made_.folder / "whole/manifest.csv"), "manifest.csv")[20].fields;
  EXPECT_NE(redrawn[5], rows[20].fields[5]);
  EXPECT_EQ(parse_csv(read_text(made_.folder / "whole/redrawn.csv"), "redrawn.csv").size(), 2u);
}

TEST_P(SynthesisJob, AFolderOfAnotherJobIsLeftAlone) {
  made_.folder.write("real/healthy/healthy_000000.png", "a real image");
  expect_error(ExitCode::kUsage, "not empty (it holds healthy)", [&] { made_.run("real", "0/2"); });
  expect_error(ExitCode::kUsage, "not empty (it holds healthy)", [&] { made_.run("real"); });
  EXPECT_EQ(read_text(made_.folder / "real/healthy/healthy_000000.png"), "a real image");
  EXPECT_FALSE(fs::exists(made_.folder / "real/parts"));
  made_.folder.write("logs/job-1.out", "a batch system's");
  EXPECT_EQ(made_.run("logs", "0/2"), ExitCode::kDone);
  made_.config.run.seed = 3;
  expect_error(ExitCode::kUsage, "another recipe (seed: 0 -> 3)", [&] { made_.run("logs", "1/2"); });
  made_.config.run.seed = 0;
  made_.generator.hash = "another";
  expect_error(ExitCode::kUsage, "another generator", [&] { made_.run("logs", "1/2"); });
}

TEST_P(SynthesisJob, WhatAMergeFindsDamagedIsNamed) {
  made_.run("set", "0/2"), made_.run("set", "1/2");
  const fs::path victim = made_.folder / (in_shards() ? "set/shards/shard-000003.tar" : "set/ill/ill_000003.png");
  const std::string whole = read_text(victim);
  fs::remove(victim);
  expect_error(ExitCode::kUsage, victim.filename().string() + " is gone", [&] { made_.run("set", "", true); });
  const auto merge_with = [&](const std::string& bytes, const std::string& words) {
    write_atomic(victim, bytes);
    expect_error(ExitCode::kUsage, words, [&] { made_.run("set", "", true); });
  };
  merge_with(whole.substr(0, whole.size() / 2), victim.filename().string());
  if (!in_shards()) {
    merge_with("", "is empty; remove it and the DONE of its part");
    merge_with(whole.substr(0, whole.size() - 1), "is cut short");
    merge_with("no image at all", "is no JPEG");
  } else {
    merge_with(read_text(made_.folder / "set/shards/shard-000002.tar"), "000010.png stands where 000015.png is expected");
    std::string other_seed = whole;
    const size_t at = other_seed.find("\"seed\":") + 7;
    other_seed[at] = other_seed[at] == '9' ? '8' : '9';
    merge_with(other_seed, "is not what the plan says of");
  }
  write_atomic(victim, whole);
  EXPECT_EQ(made_.run("set", "", true), ExitCode::kDone);
}

TEST_P(SynthesisJob, WhatIsNoPartOfThisJobIsRefused) {
  for (const char* part : {"2/2", "1", "-1/2", "0/0", "1/2/3", "x/2"})
    expect_error(ExitCode::kUsage, "--part", [&] { made_.run("wrong", part); });
  expect_error(ExitCode::kUsage, "contradict", [&] { made_.run("wrong", "0/2", true); });
  expect_error(ExitCode::kUsage, "holds no parts", [&] { made_.run("wrong", "", true); });
  EXPECT_FALSE(fs::exists(made_.folder / "wrong"));
  made_.run("set", "0/2"), made_.run("set", "1/2"), made_.run("set", "2/3");
  expect_error(ExitCode::kUsage, "several divisions, by 2 and by 3", [&] { made_.run("set", "", true); });
  fs::remove_all(made_.folder / "set/parts/00000-of-00002"), fs::remove_all(made_.folder / "set/parts/00001-of-00002");
  expect_error(ExitCode::kUsage, "2 of 3 parts are not done: 0/3, 1/3", [&] { made_.run("set", "", true); });
}

TEST_P(SynthesisJob, AFullDiskAndAReadOnlyFolderAreSaidAndHealed) {
  made_.config.count = {"healthy=12"};
  made_.config.images_per_shard = 12;
  made_.run("whole");
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{in_shards() ? 8192u : 100u, before.rlim_max};   // a shard, or any file, does not fit
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error(ExitCode::kFailed, "File too large", [&] { made_.run("full"); });
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  if (in_shards()) {
    EXPECT_TRUE(fs::is_empty(made_.folder / "full/shards"));
  }
  EXPECT_EQ(made_.run("full"), ExitCode::kDone);
  EXPECT_EQ(made_.product("full"), made_.product("whole"));
  fs::create_directory(made_.folder / "locked");
  fs::permissions(made_.folder / "locked", fs::perms(0555));
  const testing::OrdinaryUser user;
  expect_error(ExitCode::kFailed, "Permission denied", [&] { made_.run("locked"); });
  expect_error(ExitCode::kFailed, "Permission denied", [&] { made_.run("locked", "0/2"); });
}

TEST(SynthesisShards, OneShardMadeAloneHasTheSameBytes) {
  MadeSynthesis made;
  made.config.format = "shards";
  made.run("set");
  const auto before = made.product("set");
  const auto times = made.times("set");
  fs::remove(made.folder / "set/shards/shard-000006.tar"), fs::remove(made.folder / "set/DONE");
  made.folder.write("set/shards/.shard-000006.4711.tmp.tar", "left by a killed process");
  made.run("set");
  EXPECT_EQ(made.product("set"), before);
  for (const auto& [path, time] : made.times("set"))
    if (path.ends_with(".tar")) {
      EXPECT_EQ(time == times.at(path), !path.ends_with("shard-000006.tar")) << path;
    }
}

TEST(SynthesisShards, EveryShardHoldsImagesOfSeveralLabels) {
  MadeSynthesis made;
  made.config.format = "shards", made.config.count = {"100"}, made.config.images_per_shard = 50;
  made.run("set");
  for (int shard = 0; shard < 4; ++shard) {
    int64_t ill = 0;
    const auto tar = Shard::open(made.folder / fmt::format("set/shards/shard-{:06}.tar", shard));
    EXPECT_EQ(tar->members().size(), 100u);
    for (const TarMember& member : tar->members())
      ill += tar->content(member).find("\"label\":\"ill\"") != std::string_view::npos;
    EXPECT_GT(ill, 10);
    EXPECT_LT(ill, 40);
  }
}

TEST(SynthesisFolders, NoFolderHoldsMoreThanTenThousandFiles) {
  MadeSynthesis made;
  made.config.count = {"ill=20001", "healthy=10000"};
  made.generator.draw = [](auto, auto) -> std::vector<Image> { fail("no image is needed"); };
  expect_error(ExitCode::kFailed, "no image is needed", [&] { made.run("set"); });
  std::map<std::string, int64_t> files;
  for (const CsvRecord& row : parse_csv(read_text(made.folder / "set/plan.csv"), "plan.csv"))
    ++files[fs::path(row.fields[0]).parent_path()];
  files.erase("");   // the header
  EXPECT_EQ(files,
            (std::map<std::string, int64_t>{{"healthy", 10000}, {"ill/0000", 10000}, {"ill/0001", 10000}, {"ill/0002", 1}}));
}

TEST(SynthesisFolders, LeftoversOfKilledProcessesGoAndForeignHiddenFilesStay) {
  MadeSynthesis made;
  made.run("set");
  fs::remove(made.folder / "set/ill/ill_000002.png"), fs::remove(made.folder / "set/DONE");
  made.folder.write("set/ill/.ill_000002.4711.tmp.png", "left");
  made.folder.write("set/ill/.ill_000003.4711.tmp.png", "of another process that may be at work");
  made.folder.write("set/ill/.notes", "somebody's");
  made.run("set");
  EXPECT_FALSE(fs::exists(made.folder / "set/ill/.ill_000002.4711.tmp.png"));
  EXPECT_TRUE(fs::exists(made.folder / "set/ill/.notes"));
  EXPECT_TRUE(fs::exists(made.folder / "set/ill/ill_000002.png"));
}

TEST(SynthesisBench, AJobOfThousandsOfRowsIsMadeMergedAndStartedAgain) {
  for (const auto& [format, rows] : {std::pair("shards", 2000), std::pair("folder", 200)}) {
    const testing::TempFolder folder;
    BenchSynthesizePlanConfig config;
    config.rows = rows, config.parts = 3, config.images_per_shard = 100, config.format = format;
    config.output = (folder / "set").string();
    const Json row = bench_synthesize_plan(config);
    EXPECT_EQ(row["rows_read"], rows);
    EXPECT_LT(row["second_start_seconds"].get<double>(), 10);
    EXPECT_LT(row["read_peak_megabytes"].get<double>() - row["start_peak_megabytes"].get<double>(), 100);
  }
}

}  // namespace
}  // namespace defound

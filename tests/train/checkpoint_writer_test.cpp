#include "defound/train/checkpoint_writer.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/group_threads.h"
#include "support/temp_folder.h"

namespace defound::testing {
namespace {

Checkpoint made_up_checkpoint(int64_t step) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.tensors["weight"] = torch::full({1000}, static_cast<double>(step));
  return checkpoint;
}

TEST(CheckpointWriter, WritesTheStateAsItWasWhenItBegan) {
  const TempFolder folder;
  CheckpointWriter writer(2);
  for (int64_t step = 1; step <= 5; ++step) {
    Checkpoint checkpoint = made_up_checkpoint(step);
    writer.start(checkpoint_file(folder.path(), step), checkpoint);
    checkpoint.tensors.at("weight").fill_(-1);  // the training goes on
  }
  writer.wait();
  for (const int64_t step : {4, 5}) {
    const Checkpoint found = load_checkpoint(checkpoint_file(folder.path(), step));
    EXPECT_EQ(found.step, step);
    EXPECT_TRUE((found.tensors.at("weight") == static_cast<double>(step)).all().item<bool>());
  }
  EXPECT_EQ(folder.entries(), 2U);
  EXPECT_EQ(writer.last_good(), checkpoint_file(folder.path(), 5).string());
}

TEST(CheckpointWriter, TellsOfAFailureAtTheNextOccasionAndKeepsTheOneBefore) {
  const TempFolder folder;
  CheckpointWriter writer(2);
  EXPECT_EQ(writer.last_good(), "none");
  writer.start(checkpoint_file(folder.path(), 1), made_up_checkpoint(1));
  writer.wait();
  folder.write("taken", "a file where a folder should be");
  writer.start(checkpoint_file(folder / "taken", 2), made_up_checkpoint(2));
  EXPECT_EQ(writer.last_good(), checkpoint_file(folder.path(), 1).string());
  expect_error(ExitCode::kUsage, "taken", [&] { writer.wait(); });
  writer.wait();  // said once
}

TEST(CheckpointWriter, InAGroupTheLeadersFileComesLast) {
  const TempFolder folder;
  run_whole_group(3, [&](Group& group) {
    CheckpointWriter writer(1, &group);
    for (const int64_t step : {1, 2}) {
      Checkpoint own{.step = step};
      own.tensors[fmt::format("ema/{}", group.rank())] = torch::full({100}, static_cast<double>(10 * step + group.rank()));
      writer.start(checkpoint_file(folder.path(), step), own);
    }
    writer.wait();
  });
  const auto found = find_newest_checkpoint(folder.path());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->checkpoint.step, 2);
  for (const int64_t rank : {0, 1, 2})
    EXPECT_TRUE((found->checkpoint.tensors.at(fmt::format("ema/{}", rank)) == static_cast<double>(20 + rank)).all().item<bool>()) << rank;
  EXPECT_EQ(folder.entries(), 1 + 3U);  // the older one is gone with its parts
}

TEST(CheckpointWriter, APartThatCannotBeWrittenLeavesNoCheckpointAndEndsAll) {
  const TempFolder folder;
  folder.write("taken", "a file where a folder should be");
  const auto errors = run_group(2, [&](Group& group) {
    CheckpointWriter writer(1, &group);
    writer.start(checkpoint_file(group.rank() == 1 ? folder / "taken" : folder / "checkpoints", 1), made_up_checkpoint(1));
    writer.wait();
  });
  for (const auto& error : errors) EXPECT_NE(message_of(error).find("taken"), std::string::npos) << message_of(error);
  EXPECT_FALSE(find_newest_checkpoint(folder / "checkpoints"));
}

TEST(CheckpointWriter, APartOnAnotherMachinesDiskIsTold) {
  const TempFolder folder;
  const auto errors = run_group(2, [&](Group& group) {
    CheckpointWriter writer(1, &group, std::chrono::milliseconds(200));
    writer.start(checkpoint_file(folder / fmt::format("machine-{}", group.rank()), 1), made_up_checkpoint(1));
    writer.wait();
    group.meet();
  });
  for (const auto& error : errors) EXPECT_NE(message_of(error).find("a file system that all machines share"), std::string::npos) << message_of(error);
  EXPECT_FALSE(find_newest_checkpoint(folder / "machine-0"));
}

}  // namespace
}  // namespace defound::testing

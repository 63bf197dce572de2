#include "defound/train/checkpoint_writer.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
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

}  // namespace
}  // namespace defound::testing

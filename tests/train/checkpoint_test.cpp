#include "defound/train/checkpoint.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

Checkpoint made_up(int64_t step) {
  Checkpoint checkpoint{.step = step, .position = {3, 17}, .dataset_size = 40, .best = 1.0 / 3, .best_step = 2};
  checkpoint.tensors = {{"model/w", torch::full({3, 5}, static_cast<float>(step))}, {"optimizer/steps", torch::tensor(2.5F)},
                        {"buffer/n", torch::arange(4)}, {"model/half", torch::ones({2}, torch::kBFloat16)}};
  return checkpoint;
}

std::string flip(std::string content, size_t byte, int bit) {
  content[byte] = static_cast<char>(content[byte] ^ (1 << bit));
  return content;
}

TEST(Checkpoint, RoundTrip) {
  const testing::TempFolder folder;
  const auto file = checkpoint_file(folder.path(), 123);
  EXPECT_EQ(file.filename(), "step-000123.safetensors");
  save_checkpoint(file, made_up(123));
  const auto found = find_newest_checkpoint(folder.path());
  ASSERT_TRUE(found);
  const Checkpoint& read = found->checkpoint;
  EXPECT_EQ(found->file, file);
  EXPECT_EQ(read.step, 123);
  EXPECT_EQ(read.position.epoch, 3);
  EXPECT_EQ(read.position.sample, 17);
  EXPECT_EQ(read.dataset_size, 40);
  EXPECT_EQ(read.best, 1.0 / 3);
  EXPECT_EQ(read.best_step, 2);
  const Checkpoint written = made_up(123);
  ASSERT_EQ(read.tensors.size(), written.tensors.size());
  for (const auto& [name, tensor] : written.tensors) EXPECT_TRUE(torch::equal(read.tensors.at(name), tensor)) << name;
  save_checkpoint(file, Checkpoint{.step = 1});
  EXPECT_FALSE(load_checkpoint(file).best);
}

TEST(Checkpoint, TornAtAnyLengthTheOneBeforeIsUsed) {
  const testing::TempFolder folder;
  const auto older = checkpoint_file(folder.path(), 9), newer = checkpoint_file(folder.path(), 10);
  save_checkpoint(older, made_up(9));
  save_checkpoint(newer, made_up(10));
  const std::string whole = read_text(newer);
  for (size_t length = 0; length < whole.size(); length += 1 + length / 16) {
    write_atomic(newer, whole.substr(0, length));
    const auto found = find_newest_checkpoint(folder.path());
    ASSERT_TRUE(found) << length;
    ASSERT_EQ(found->file, older) << length;
    ASSERT_TRUE(fs::exists(newer.string() + ".torn"));
  }
  write_atomic(newer, whole + "x");
  EXPECT_EQ(find_newest_checkpoint(folder.path())->file, older);
  write_atomic(newer, whole);
  EXPECT_EQ(find_newest_checkpoint(folder.path())->file, newer);
}

TEST(Checkpoint, AnyFlippedBitIsNoticed) {
  const testing::TempFolder folder;
  const auto file = checkpoint_file(folder.path(), 10);
  save_checkpoint(file, made_up(10));
  const std::string whole = read_text(file);
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    write_atomic(file, flip(whole, byte, static_cast<int>(byte % 8)));
    ASSERT_THROW(load_checkpoint(file), Error) << "byte " << byte << " of " << whole.size();
  }
}

TEST(Checkpoint, NothingWholeIsNothing) {
  const testing::TempFolder folder;
  EXPECT_FALSE(find_newest_checkpoint(folder / "missing"));
  folder.write("step-000003.safetensors", "torn");
  folder.write("step-x.safetensors", "");
  folder.write("notes.txt", "");
  EXPECT_FALSE(find_newest_checkpoint(folder.path()));
}

TEST(Checkpoint, StepsAreOrderedAsNumbers) {
  const testing::TempFolder folder;
  for (const int64_t step : {999999, 1000000, 20}) save_checkpoint(checkpoint_file(folder.path(), step), made_up(step));
  EXPECT_EQ(find_newest_checkpoint(folder.path())->checkpoint.step, 1000000);
  prune_checkpoints(folder.path(), 2);
  EXPECT_FALSE(fs::exists(checkpoint_file(folder.path(), 20)));
  EXPECT_TRUE(fs::exists(checkpoint_file(folder.path(), 999999)));
}

/// A checkpoint in two parts and the file that names them, the way a group writes it.
void save_in_parts(const fs::path& file, int64_t step) {
  std::vector<std::string> sums;
  for (const int64_t rank : {0, 1})
    sums.push_back(save_checkpoint_part(checkpoint_part(file, rank), {.tensors = {{fmt::format("ema/{}", rank), torch::full({7}, static_cast<float>(step))}}}));
  save_checkpoint(file, made_up(step), sums);
}

TEST(Checkpoint, OfPartsIsThereWholeOrNotAtAll) {
  const testing::TempFolder folder;
  const auto older = checkpoint_file(folder.path(), 9), newer = checkpoint_file(folder.path(), 10), part = checkpoint_part(newer, 1);
  EXPECT_EQ(part.filename(), "step-000010.part-1.safetensors");
  save_in_parts(older, 9);
  save_in_parts(newer, 10);
  const TensorMap tensors = find_newest_checkpoint(folder.path())->checkpoint.tensors;
  EXPECT_EQ(tensors.size(), made_up(10).tensors.size() + 2);
  EXPECT_TRUE(torch::equal(tensors.at("ema/1"), torch::full({7}, 10.0F)));
  const std::string main = read_text(newer), whole = read_text(part);
  const auto expect_the_older = [&] {
    EXPECT_EQ(find_newest_checkpoint(folder.path())->file, older);
    write_atomic(newer, main);
    write_atomic(part, whole);
    EXPECT_EQ(find_newest_checkpoint(folder.path())->file, newer);
  };
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    write_atomic(part, flip(whole, byte, static_cast<int>(byte % 8)));
    ASSERT_THROW(load_checkpoint(newer), Error) << "byte " << byte << " of " << whole.size();
  }
  expect_the_older();
  fs::remove(part);
  expect_the_older();
  fs::copy_file(checkpoint_part(older, 1), part, fs::copy_options::overwrite_existing);  // whole, but of another step
  expect_the_older();
  fs::copy_file(checkpoint_part(newer, 0), part, fs::copy_options::overwrite_existing);
  expect_the_older();
}

TEST(Checkpoint, PartsGoWithTheirCheckpoint) {
  const testing::TempFolder folder;
  for (const int64_t step : {1, 2, 3}) save_in_parts(checkpoint_file(folder.path(), step), step);
  folder.write("step-000004.part-1.safetensors", "another process is ahead");
  folder.write(".step-000004.part-2.77.tmp.safetensors", "and another at it");
  folder.write(".step-000002.77.tmp.safetensors", "left by a killed writer");
  folder.write("step-000001-notes.txt", "somebody's");
  prune_checkpoints(folder.path(), 2);
  EXPECT_EQ(folder.entries(), 2 * 3 + 2 + 1U);
  for (const int64_t step : {2, 3}) EXPECT_EQ(load_checkpoint(checkpoint_file(folder.path(), step)).step, step);
}

TEST(Checkpoint, WhatAFailedSaveLeftGoesBeforeTheNext) {
  const testing::TempFolder folder;
  for (const int64_t step : {1, 2}) save_in_parts(checkpoint_file(folder.path(), step), step);
  folder.write("step-000003.part-0.safetensors", "its file never came");
  folder.write(".step-000003.part-1.77.tmp.safetensors", "torn");
  folder.write("notes.txt", "somebody's");
  remove_unfinished_checkpoints(folder.path(), 2);
  EXPECT_EQ(folder.entries(), 2 * 3 + 1U);
  remove_unfinished_checkpoints(folder / "missing", -1);
  const fs::path part = checkpoint_part(checkpoint_file(folder.path(), 2), 1);
  fs::rename(part, part.string() + ".away");
  EXPECT_EQ(find_newest_checkpoint(folder.path())->checkpoint.step, 1);
  remove_unfinished_checkpoints(folder.path(), 1);   // the other part is still good for whoever finds the lost one
  EXPECT_TRUE(fs::exists(checkpoint_part(checkpoint_file(folder.path(), 2), 0)));
}

}  // namespace
}  // namespace defound

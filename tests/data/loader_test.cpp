#include "defound/data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "defound/core/error.h"
#include "support/rejection.h"

namespace defound {
namespace {

/// Sample i is a picture that depends on i and on its draws; some take longer than others.
struct MadeUp : Dataset {
  explicit MadeUp(int64_t count, int64_t bad = -1) : count(count), bad(bad) {}
  int64_t size() const override { return count; }
  Sample get(int64_t index, const Draws& draws, uint64_t id) const override {
    if (index == bad) reject("sample {} is bad", index);
    if (index % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    ++calls;
    return {torch::full({1, 2, 2}, draws.stream(id).uniform() + static_cast<double>(index)), index % 5, "prompt " + std::to_string(index)};
  }
  int64_t count, bad;
  mutable std::atomic<int64_t> calls{0};
};

struct Seen {
  std::vector<float> values;
  std::vector<int64_t> labels;
  std::vector<std::string> prompts;
  std::vector<uint64_t> ids;
  std::vector<std::pair<int64_t, int64_t>> positions;
  bool operator==(const Seen&) const = default;
};

Seen read(const Dataset& dataset, const LoaderOptions& options, int64_t batches) {
  Loader loader(dataset, options);
  Seen seen;
  for (int64_t i = 0; i < batches; ++i) {
    const Batch batch = loader.next();
    for (int64_t row = 0; row < batch.size(); ++row) {
      seen.values.push_back(batch.images[row][0][1][1].item<float>());
      seen.labels.push_back(batch.labels[row].item<int64_t>());
      seen.prompts.push_back(batch.prompts[static_cast<size_t>(row)]);
      seen.ids.push_back(batch.ids[static_cast<size_t>(row)]);
    }
    seen.positions.emplace_back(loader.position().epoch, loader.position().sample);
  }
  return seen;
}

LoaderOptions options_of(int64_t batch_size, int64_t num_workers, bool drop_last) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.num_workers = num_workers;
  options.drop_last = drop_last;
  options.seed = 11;
  return options;
}

TEST(Loader, SameSamplesForAnyNumberOfWorkers) {
  const MadeUp dataset(23);
  for (const bool drop_last : {true, false}) {
    const Seen expected = read(dataset, options_of(4, 0, drop_last), 20);
    for (const int64_t workers : {1, 3, 8}) EXPECT_EQ(read(dataset, options_of(4, workers, drop_last), 20), expected) << workers;
  }
}

TEST(Loader, EachEpochHoldsEverySampleOnceInAnotherOrder) {
  const MadeUp dataset(23);
  const Seen seen = read(dataset, options_of(4, 2, false), 12);  // two epochs of six batches
  ASSERT_EQ(seen.ids.size(), 46u);
  EXPECT_EQ(std::set<uint64_t>(seen.ids.begin(), seen.ids.end()).size(), 46u);
  std::vector<std::string> first(seen.prompts.begin(), seen.prompts.begin() + 23), second(seen.prompts.begin() + 23, seen.prompts.end());
  EXPECT_NE(first, second);
  EXPECT_EQ(std::set<std::string>(first.begin(), first.end()), std::set<std::string>(second.begin(), second.end()));
  EXPECT_EQ(seen.positions[4], (std::pair<int64_t, int64_t>{0, 20}));
  EXPECT_EQ(seen.positions[5], (std::pair<int64_t, int64_t>{1, 0}));
}

TEST(Loader, LastShortBatchIsDroppedOrKept) {
  const MadeUp dataset(23);
  Loader dropping(dataset, options_of(4, 2, true)), keeping(dataset, options_of(4, 2, false));
  EXPECT_EQ(dropping.batches_per_epoch(), 5);
  EXPECT_EQ(keeping.batches_per_epoch(), 6);
  for (int i = 0; i < 5; ++i) dropping.next(), keeping.next();
  EXPECT_EQ(dropping.position().epoch, 1);
  EXPECT_EQ(keeping.next().size(), 3);
}

TEST(Loader, ResumesFromEveryPosition) {
  const MadeUp dataset(23);
  for (const bool drop_last : {true, false}) {
    LoaderOptions options = options_of(4, 2, drop_last);
    const Seen whole = read(dataset, options, 14);
    size_t rows_before = 0;
    for (size_t done = 0; done < 11; ++done) {
      rows_before += done == 0 ? 0 : drop_last || done % 6 != 0 ? 4 : 3;
      LoaderOptions rest = options;
      rest.num_workers = static_cast<int64_t>(done % 3);
      if (done > 0) rest.start = {whole.positions[done - 1].first, whole.positions[done - 1].second};
      const Seen resumed = read(dataset, rest, 3);
      ASSERT_FALSE(resumed.ids.empty());
      for (size_t i = 0; i < resumed.ids.size(); ++i) {
        ASSERT_EQ(resumed.ids[i], whole.ids[rows_before + i]) << done;
        ASSERT_EQ(resumed.values[i], whole.values[rows_before + i]) << done;
      }
    }
  }
}

TEST(Loader, UnshuffledOrderIsThatOfTheTable) {
  LoaderOptions options = options_of(5, 3, false);
  options.shuffle = false;
  const Seen seen = read(MadeUp(8), options, 2);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(seen.prompts[i], "prompt " + std::to_string(i));
}

TEST(Loader, ABadSampleEndsTheBatchItBelongsTo) {
  for (const int64_t workers : {0, 1, 3}) {
    const MadeUp dataset(20, 13);
    LoaderOptions options = options_of(4, workers, false);
    options.shuffle = false;
    Loader loader(dataset, options);
    for (int i = 0; i < 3; ++i) loader.next();
    EXPECT_NE(testing::rejection_of([&] { loader.next(); }).find("sample 13 is bad"), std::string::npos);
    EXPECT_EQ(loader.position().sample, 12);
  }
}

TEST(Loader, DecodesAheadButNotWithoutLimit) {
  const MadeUp dataset(1000);
  Loader loader(dataset, options_of(4, 2, true));
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GE(dataset.calls, 4);
  EXPECT_LE(dataset.calls, 4 * 5);
}

TEST(Loader, ImpossibleSettingsAreRejected) {
  testing::rejection_of([] { Loader(MadeUp(0), LoaderOptions{}); });
  const std::string message = testing::rejection_of([] { Loader(MadeUp(3), options_of(4, 1, true)); });
  EXPECT_NE(message.find("fewer than one batch of 4"), std::string::npos);
}

}  // namespace
}  // namespace defound

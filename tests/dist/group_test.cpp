#include "defound/dist/group.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "defound/core/error.h"
#include "support/group_threads.h"

namespace defound {
namespace {

using testing::message_of;
using testing::run_group;
using testing::run_whole_group;

TEST(Group, SumsAreBitEqualOnAllMembers) {
  std::vector<torch::Tensor> sums(4);
  run_whole_group(4, [&](Group& group) {
    torch::Tensor values = torch::arange(1000, torch::kFloat32).mul(0.1).add(1.0 / (3.0 + static_cast<double>(group.rank())));
    group.sum(values);
    sums[static_cast<size_t>(group.rank())] = values;
  });
  torch::Tensor expected = torch::zeros(1000, torch::kFloat64);
  for (int rank = 0; rank < 4; ++rank) expected += torch::arange(1000, torch::kFloat64).mul(0.1).add(1.0 / (3.0 + rank));
  EXPECT_TRUE(torch::allclose(sums[0].to(torch::kFloat64), expected, 1e-6, 0));
  for (const auto& sum : sums) EXPECT_TRUE(torch::equal(sum, sums[0]));
}

TEST(Group, TheLeadersValuesReachAll) {
  run_whole_group(3, [](Group& group) {
    const torch::Tensor a = torch::full({2, 3}, static_cast<double>(group.rank()) + 7), b = torch::full({4}, group.rank(), torch::kInt64);
    const torch::Tensor strided = torch::full({4, 4}, static_cast<double>(group.rank())).t();
    group.broadcast({a, b, strided});
    EXPECT_TRUE((a == 7).all().item<bool>());
    EXPECT_TRUE((b == 0).all().item<bool>());
    EXPECT_TRUE((strided == 0).all().item<bool>());
    EXPECT_EQ(group.share(group.is_leader() ? "text of the leader" : "another"), "text of the leader");
  });
}

TEST(Group, RowsOfUnequalMembersComeInOrder) {
  run_whole_group(3, [](Group& group) {
    const int64_t begin = std::vector<int64_t>{0, 2, 2}[static_cast<size_t>(group.rank())], rows = std::vector<int64_t>{2, 0, 5}[static_cast<size_t>(group.rank())];
    const torch::Tensor all = group.gather_rows(torch::arange(begin, begin + rows, torch::kFloat64).unsqueeze(1).expand({rows, 2}).contiguous());
    EXPECT_TRUE(torch::equal(all, torch::arange(7, torch::kFloat64).unsqueeze(1).expand({7, 2})));
  });
}

TEST(Group, TextsGoToTheLeader) {
  run_whole_group(3, [](Group& group) {
    const auto texts = group.gather(std::string(1, static_cast<char>('a' + group.rank())));
    EXPECT_EQ(texts, group.is_leader() ? (std::vector<std::string>{"a", "b", "c"}) : std::vector<std::string>());
  });
}

TEST(Group, TheFirstReasonForAStopIsKept) {
  run_whole_group(2, [](Group& group) {
    EXPECT_EQ(group.reason(), "");
    group.meet();
    if (group.rank() == 1) group.give_reason("SIGUSR1");
    group.meet();
    group.give_reason("later");
    EXPECT_EQ(group.reason(), "SIGUSR1 on rank 1");
  });
}

TEST(Group, AMemberThatDiffersIsNamedToAll) {
  const auto errors = run_group(3, [](Group& group) { group.agree(group.rank() == 2 ? "other" : "same", "the weights at step 4"); });
  for (const auto& error : errors) EXPECT_NE(message_of(error).find("the weights at step 4 of rank 2 differ from those of rank 0"), std::string::npos) << message_of(error);
}

TEST(Group, AFailingMemberEndsAllWithItsCause) {
  for (const int64_t culprit : {0, 2}) {
    const auto errors = run_group(3, [&](Group& group) {
      if (group.rank() == culprit) fail("the disk is full");
      torch::Tensor values = torch::ones(10);
      group.sum(values);
    });
    for (size_t rank = 0; rank < errors.size(); ++rank) {
      const std::string message = message_of(errors[rank]);
      EXPECT_NE(message.find("the disk is full"), std::string::npos) << message;
      EXPECT_EQ(message.starts_with("rank " + std::to_string(culprit)), static_cast<int64_t>(rank) != culprit) << message;
    }
  }
}

TEST(Group, WhoWaitsForATextHearsOfAFailureToo) {
  const auto errors = run_group(2, [](Group& group) {
    if (group.is_leader()) fail("no such folder");
    group.share("");
  });
  EXPECT_NE(message_of(errors[1]).find("no such folder"), std::string::npos) << message_of(errors[1]);
}

TEST(Group, AnAnswerToALostMemberDoesNotEndThisProcess) {
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  run_whole_group(2, [](Group& group) { group.meet(); });
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
  std::signal(SIGPIPE, before);
}

TEST(Group, AMissingMemberIsNamed) {
  const uint16_t port = testing::free_port();
  const Launch launch{.rank = 0, .size = 3, .local_size = 3, .launcher = "test", .leader_host = "127.0.0.1", .port = port};
  try {
    const Group group(launch, torch::kCPU, 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("only 1 of 3 processes came within 1 s: rank 1, 2 is missing"), std::string::npos) << e.what();
  }
}

TEST(Group, AloneEverythingReturnsAtOnce) {
  Group group;
  torch::Tensor values = torch::ones(3);
  group.sum(values);
  group.broadcast({values});
  EXPECT_TRUE(torch::equal(group.gather_rows(values), torch::ones(3)));
  EXPECT_EQ(group.share("x"), "x");
  EXPECT_EQ(group.gather("x"), std::vector<std::string>{"x"});
  group.agree("x", "anything");
  group.meet();
  EXPECT_EQ(group.description(), "");
}

}  // namespace
}  // namespace defound

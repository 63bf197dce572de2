#include "defound/core/launch.h"

#include <gtest/gtest.h>

#include <map>

#include "support/rejection.h"

namespace defound {
namespace {

using Variables = std::map<std::string, std::string>;

Launch launch_with(const Variables& variables) {
  return launch_of([&](const char* name) -> const char* {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

TEST(Launch, AProcessByItselfIsAlone) {
  const Launch launch = launch_with({});
  EXPECT_EQ(launch.size, 1);
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.launcher, "");
}

TEST(Launch, TorchrunTellsPlaceAndMeetingPoint) {
  const Launch launch = launch_with({{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "4"}, {"MASTER_ADDR", "node3"},
                                     {"MASTER_PORT", "29401"}, {"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 4);
  EXPECT_EQ(launch.leader_host, "node3");
  EXPECT_EQ(launch.port, 29401);
  EXPECT_EQ(launch.launcher, "torchrun");
  EXPECT_TRUE(launch.store_is_there);
  EXPECT_NE(launch.attempt, launch_with({{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_WORLD_SIZE", "8"}}).attempt);
}

Variables slurm_step(const std::string& rank) {
  return {{"SLURM_JOB_ID", "4711"}, {"SLURM_STEP_ID", "0"}, {"SLURM_PROCID", rank}, {"SLURM_STEP_NUM_TASKS", "6"}, {"SLURM_NTASKS", "6"}, {"SLURM_LOCALID", "1"},
          {"SLURM_STEP_TASKS_PER_NODE", "2(x3)"}, {"SLURM_STEP_NODELIST", "gpu[07-08,12],login1"}};
}

TEST(Launch, SlurmStepMeetsOnItsFirstHostAtAPortOfItsOwn) {
  const Launch launch = launch_with(slurm_step("3")), leader = launch_with(slurm_step("0"));
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 6);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.leader_host, "gpu07");
  EXPECT_EQ(launch.port, leader.port);
  Variables other = slurm_step("0");
  other["SLURM_STEP_ID"] = "1";
  EXPECT_NE(launch_with(other).port, leader.port);
  other["MASTER_ADDR"] = "10.0.0.7";
  other["MASTER_PORT"] = "6000";
  EXPECT_EQ(launch_with(other).leader_host, "10.0.0.7");
  EXPECT_EQ(launch_with(other).port, 6000);
}

TEST(Launch, ABatchScriptsOwnShellIsAlone) {
  // sbatch sets these without a step; srun adds SLURM_STEP_*
  EXPECT_EQ(launch_with({{"SLURM_JOB_ID", "4711"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_NODELIST", "n1"}}).size, 1);
}

TEST(Launch, MpirunInsideASlurmJobWinsOverTheStepOfItsDaemons) {
  Variables variables = slurm_step("0");
  variables.insert({{"OMPI_COMM_WORLD_RANK", "2"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "2"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}});
  const Launch open_mpi = launch_with(variables);
  EXPECT_EQ(open_mpi.rank, 2);
  EXPECT_EQ(open_mpi.size, 4);
  EXPECT_EQ(open_mpi.launcher, "mpirun");
  EXPECT_EQ(open_mpi.leader_host, "127.0.0.1");
  const Launch mpich = launch_with({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}});
  EXPECT_EQ(mpich.rank, 1);
  EXPECT_EQ(mpich.local_size, 2);
}

TEST(Launch, IncompleteOrContradictoryVariablesAreNamed) {
  using testing::rejection_of;
  EXPECT_NE(rejection_of([] { launch_with({{"RANK", "1"}}); }).find("WORLD_SIZE is ''"), std::string::npos);
  EXPECT_NE(rejection_of([] { launch_with({{"RANK", "2"}, {"WORLD_SIZE", "2"}}); }).find("RANK is 2 and WORLD_SIZE is 2"), std::string::npos);
  EXPECT_NE(rejection_of([] { launch_with({{"RANK", "x"}, {"WORLD_SIZE", "2"}}); }).find("RANK is 'x'"), std::string::npos);
  EXPECT_NE(rejection_of([] { launch_with({{"RANK", "0"}, {"WORLD_SIZE", "4"}, {"LOCAL_WORLD_SIZE", "2"}}); }).find("MASTER_ADDR"), std::string::npos);
  EXPECT_NE(rejection_of([] { launch_with({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}); }).find("70000"),
            std::string::npos);
}

TEST(Launch, FirstHostOfSlurmLists) {
  EXPECT_EQ(first_slurm_host("node1"), "node1");
  EXPECT_EQ(first_slurm_host("node1,node2"), "node1");
  EXPECT_EQ(first_slurm_host("gpu[03-07,11],x1"), "gpu03");
  EXPECT_EQ(first_slurm_host("rack[2-4]n[10,12]-ib"), "rack2n10-ib");
  EXPECT_NE(testing::rejection_of([] { first_slurm_host("gpu[03-07"); }).find("closing bracket"), std::string::npos);
}

TEST(Launch, SharesAreAllRowsOnce) {
  for (const int64_t count : {0, 1, 7, 100})
    for (const int64_t size : {1, 3, 8}) {
      int64_t next = 0;
      for (int64_t rank = 0; rank < size; ++rank) {
        const Share share = share_of(count, rank, size);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.size(), count / size + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
}

}  // namespace
}  // namespace defound

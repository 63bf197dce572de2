// The test program's own main: started with --train_child it is one made-up training, so that tests can kill it.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>

#include "defound/core/log.h"
#include "support/command.h"
#include "train/made_up_task.h"
#include "train/resume_child.h"

namespace defound::testing {
namespace {

int train_child(char** arguments) {
  log::set_level("warn");
  torch::set_num_threads(1);
  MadeUpTask task;
  LoopOptions options = made_up_options();
  const fs::path folder = arguments[0];
  options.num_workers = std::atoll(arguments[1]);
  options.train.log_every = std::atoll(arguments[2]);
  const int signal = std::atoi(arguments[3]);
  const int64_t at = std::atoll(arguments[4]);
  task.on_loss = [&](int64_t call) {
    if (call == at) raise(signal);
  };
  const ExitCode code = train_made_up(task, options, folder);
  return static_cast<int>(code);
}

}  // namespace

int run_in_new_process(const ChildRun& child) {
  // "exec": the shell's place is taken, so that a killed child is seen as killed
  const auto result = run_command(fmt::format("exec /proc/{}/exe --train_child '{}' {} {} {} {}", getpid(), child.folder.string(), child.num_workers,
                                              child.log_every, child.signal, child.at_loss_call));
  if (!result.output.empty()) std::fputs(result.output.c_str(), stderr);
  return result.exit_code;
}

}  // namespace defound::testing

int main(int argc, char** argv) {
  if (argc == 7 && std::string(argv[1]) == "--train_child") return defound::testing::train_child(argv + 2);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

#pragma once
#include <string>
#include <vector>

#include "defound/core/files.h"
#include "support/command.h"
#include "support/group_threads.h"

namespace defound::testing {

/// How the members of a group that was started as processes ended.
struct EndedGroup {
  std::vector<int> exit_codes;        ///< by rank; 128 + the signal that ended one
  std::vector<std::string> outputs;   ///< stdout and stderr, by rank
};

/// Starts a command `size` times in `folder`, as torchrun would. `meanwhile`: shell lines that run beside them, where
/// $pid0, $pid1, ... are the processes. `before`: shell text in front of the command of one rank, for example an ulimit.
inline EndedGroup run_started_group(const fs::path& folder, int64_t size, const std::string& command, const std::string& meanwhile = "",
                                    const std::vector<std::string>& before = {}) {
  std::string script = fmt::format("cd '{}'\nexport WORLD_SIZE={} LOCAL_WORLD_SIZE={} MASTER_ADDR=127.0.0.1 MASTER_PORT={} OMP_NUM_THREADS=1\n", folder.string(), size,
                                   size, free_port());
  script += "export RES_OPTIONS='timeout:1 attempts:1'\n";  // LibTorch asks DNS for the names of addresses: a lost packet costs 5 s
  for (int64_t rank = 0; rank < size; ++rank) {
    const std::string first = static_cast<size_t>(rank) < before.size() ? before[static_cast<size_t>(rank)] : "";
    script += fmt::format("({0} exec env RANK={1} LOCAL_RANK={1} {2}) > .rank{1} 2>&1 & pid{1}=$!\n", first, rank, command);
  }
  script += meanwhile + "\n";
  for (int64_t rank = 0; rank < size; ++rank) script += fmt::format("wait $pid{}; echo \"exit $?\"\n", rank);
  write_atomic(folder / ".group.sh", script);
  const std::string printed = run_command("bash '" + (folder / ".group.sh").string() + "'").output;
  EndedGroup ended;
  for (size_t at = printed.find("exit "); at != std::string::npos; at = printed.find("exit ", at + 1)) ended.exit_codes.push_back(std::stoi(printed.substr(at + 5)));
  for (int64_t rank = 0; rank < size; ++rank) ended.outputs.push_back(read_text(folder / fmt::format(".rank{}", rank)));
  return ended;
}

}  // namespace defound::testing

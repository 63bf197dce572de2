#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace defound::testing {

struct CommandResult {
  int exit_code = -1;
  std::string output;   ///< stdout and stderr together
};

/// Runs a shell command line; "defound-x ..." is taken from the build's bin folder.
inline CommandResult run_command(const std::string& line) {
  const std::string full = "PATH=" DEFOUND_BIN ":$PATH; (" + line + ") 2>&1";
  FILE* pipe = popen(full.c_str(), "r");
  CommandResult result;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) result.output.append(buffer.data(), n);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace defound::testing

#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace defound {

/// What a tool returns to its shell.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,   ///< bad usage, configuration or data: trying again unchanged cannot help
  kSaved = 75,  ///< stopped and saved after a signal or the time limit: run the same command again
};

/// The one exception type of the library. The message is one line: what, where, expected, found, next step.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Throws an Error with exit code 1: the run failed.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> message, Args&&... args) {
  throw Error(ExitCode::kFailed, fmt::format(message, std::forward<Args>(args)...));
}

/// Throws an Error with exit code 2: the command, the configuration or the data must change.
template <class... Args>
[[noreturn]] void reject(fmt::format_string<Args...> message, Args&&... args) {
  throw Error(ExitCode::kUsage, fmt::format(message, std::forward<Args>(args)...));
}

}  // namespace defound

#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "defound/config/visit.h"

namespace defound::tool {

/// Runs a tool's body; the only catch: prints the error in one line and returns its exit code.
int guard(const std::function<int()>& body);

/// Command line of a tool. Defaults < --config FILE (repeatable, later wins) < flags; --print_config, --version.
class Cli {
 public:
  Cli(const std::string& name, const std::string& description, const std::string& examples);
  ~Cli();
  /// Options of a tool without verbs.
  void bind(Config& config);
  /// A verb with options of its own: `name` runs `body` after parse(). The texts named in `positional` may also be given
  /// in this order without their flags.
  void verb(const std::string& name, const std::string& description, Config& config, std::function<int()> body, const std::vector<std::string>& positional = {});
  /// False: nothing is left to do (--help, --version, --print_config); leave with exit_code().
  bool parse(int argc, char** argv);
  int exit_code() const { return 0; }
  int run_verb() const;                            ///< the verb that parse() found
  const std::string& command() const { return command_; }   ///< the whole command line, for provenance

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string command_;
};

}  // namespace defound::tool

#include "defound/run/host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace defound {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// What follows "name:" in the first such line of a file, without the blanks around it.
std::string named_line(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(name) || colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::string first_set(std::initializer_list<const char*> variables) {
  for (const char* name : variables)
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return "";
}

}  // namespace

std::string process_birth(int64_t pid) {
  const std::string line = first_line(fmt::format("/proc/{}/stat", pid));
  const size_t name_end = line.rfind(')');  // the name may hold spaces and parentheses
  if (name_end == std::string::npos) return "";
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    fields >> field;
    if (number == 3 && (field == "Z" || field == "X")) return "";  // dead, not yet collected by its parent
  }
  return field;
}

ProcessIdentity this_process() {
  ProcessIdentity self;
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  self.host = name.data();
  self.pid = getpid();
  self.job = first_set({"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"});
  self.restart = std::atoll(first_set({"SLURM_RESTART_COUNT"}).c_str());
  self.boot = first_line("/proc/sys/kernel/random/boot_id");
  std::error_code error;
  self.pid_space = std::filesystem::read_symlink("/proc/self/ns/pid", error).string();
  self.born = process_birth(self.pid);
  return self;
}

std::string utc_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::string processor_name() {
  const std::string name = named_line("/proc/cpuinfo", "model name");
  return fmt::format("{} ({} threads)", name.empty() ? "unknown processor" : name, std::thread::hardware_concurrency());
}

std::vector<std::string> gpu_names() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error))
    names.push_back(named_line(entry.path() / "information", "Model"));
  return names;
}

}  // namespace defound

#include "defound/core/launch.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "defound/core/error.h"

namespace defound {
namespace {

/// The variables as numbers and texts, with errors that name them.
class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  std::string text(const char* name) const {
    const char* value = environment_(name);
    return value == nullptr ? "" : value;
  }
  bool has(const char* name) const { return !text(name).empty(); }

  int64_t number(const char* name) const {
    const std::string value = text(name);
    int64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() || result < 0)
      reject("the launcher's variable {} is '{}', a number is expected; start through torchrun, srun or mpirun, or unset it", name, value);
    return result;
  }
  int64_t number(const char* name, int64_t otherwise) const { return has(name) ? number(name) : otherwise; }

 private:
  const Environment& environment_;
};

/// The names under which a launcher tells a process its place.
struct Names {
  const char *launcher, *rank, *size, *local_rank, *local_size;
};

constexpr Names kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOpenMpi{"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kMpich{"mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Names kSlurm{"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"};

/// mpirun inside a Slurm job sets both its own variables and those of the step that started its daemons: its own come first.
std::optional<Names> names_in(const Variables& variables) {
  if (variables.has(kTorchrun.rank) || variables.has(kTorchrun.size)) return kTorchrun;
  if (variables.has(kOpenMpi.rank)) return kOpenMpi;
  if (variables.has(kMpich.rank) && variables.has(kMpich.local_size)) return kMpich;
  if (variables.has(kSlurm.rank) && variables.has("SLURM_STEP_ID") && variables.has(kSlurm.size)) return kSlurm;
  if (variables.has(kMpich.rank)) return kMpich;
  return std::nullopt;
}

/// "4(x2),3": this node's number is not known without its index, so the first one's counts, as good as any for GPUs.
int64_t first_number(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A port that all processes of one start compute alike and two jobs on one node rarely share; below the ports that systems
/// hand out by themselves.
uint16_t port_of(std::string_view start) {
  uint32_t hash = 2166136261U;  // FNV-1a
  for (const char c : start) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return static_cast<uint16_t>(12000 + hash % 18000);
}

void set_meeting_point(Launch& launch, const Variables& variables) {
  const bool slurm = launch.launcher == kSlurm.launcher;
  launch.leader_host = variables.text("MASTER_ADDR");
  if (launch.leader_host.empty() && slurm)
    launch.leader_host = first_slurm_host(variables.has("SLURM_STEP_NODELIST") ? variables.text("SLURM_STEP_NODELIST") : variables.text("SLURM_JOB_NODELIST"));
  if (launch.leader_host.empty() && launch.local_size == launch.size) launch.leader_host = "127.0.0.1";
  if (launch.leader_host.empty())
    reject("{} processes were started by {} on several machines, but MASTER_ADDR is not set; set it to the host of rank 0", launch.size, launch.launcher);
  const std::string start = slurm ? variables.text("SLURM_JOB_ID") + "." + variables.text("SLURM_STEP_ID") : variables.text("PMIX_NAMESPACE");
  const int64_t port = variables.number("MASTER_PORT", port_of(start));
  if (port < 1 || port > 65535) reject("MASTER_PORT is {}; it must be 1 to 65535", port);
  launch.port = static_cast<uint16_t>(port);
}

}  // namespace

Share share_of(int64_t count, int64_t rank, int64_t size) { return {count * rank / size, count * (rank + 1) / size}; }

std::string first_slurm_host(const std::string& list) {
  std::string host;
  for (size_t i = 0; i < list.size() && list[i] != ','; ++i) {
    if (list[i] != '[') {
      host += list[i];
      continue;
    }
    const size_t close = list.find(']', i), end = list.find_first_of(",-]", i);
    if (close == std::string::npos) reject("the host list '{}' has no closing bracket", list);
    host += list.substr(i + 1, end - i - 1);
    i = close;
  }
  return host;
}

Launch launch_of(const Environment& environment) {
  const Variables variables(environment);
  Launch launch;
  const auto names = names_in(variables);
  if (!names) return launch;
  launch.rank = variables.number(names->rank);
  launch.size = variables.number(names->size);
  if (launch.size < 1 || launch.rank >= launch.size)
    reject("{} is {} and {} is {}: a rank must be below the number of processes", names->rank, launch.rank, names->size, launch.size);
  if (launch.size == 1) return Launch{};
  launch.launcher = names->launcher;
  launch.local_rank = variables.number(names->local_rank, 0);
  launch.local_size = variables.has(names->local_size) ? std::max<int64_t>(1, first_number(variables.text(names->local_size))) : 1;
  if (launch.local_rank >= launch.size) reject("{} is {} of {} processes", names->local_rank, launch.local_rank, launch.size);
  set_meeting_point(launch, variables);
  launch.store_is_there = variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.attempt = variables.text("TORCHELASTIC_RESTART_COUNT") + "/" + variables.text("SLURM_RESTART_COUNT");
  return launch;
}

Launch launch_of_this_process() {
  return launch_of([](const char* name) { return std::getenv(name); });
}

}  // namespace defound

#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace defound {

/// This process as others see it.
struct ProcessIdentity {
  std::string host;         ///< name of the machine
  int64_t pid = 0;
  std::string job;          ///< batch job id (Slurm, PBS, LSF), or ""
  int64_t restart = 0;      ///< how often Slurm has requeued this job
  std::string boot;         ///< differs after a reboot
  std::string pid_space;    ///< differs between containers: pids mean something within one only
  std::string born;         ///< start time of the process in clock ticks after boot: a reused pid has another
};

ProcessIdentity this_process();

/// Start time of a living process in clock ticks after boot; "" when no such process is seen.
std::string process_birth(int64_t pid);

/// "2026-11-23T15:45:02Z".
std::string utc_time();

/// The processor's name and the number of its threads, for example "AMD EPYC 9654 (192 threads)".
std::string processor_name();

/// Names of NVIDIA GPUs as the driver lists them; empty without one.
std::vector<std::string> gpu_names();

}  // namespace defound

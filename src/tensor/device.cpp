#include "defound/tensor/device.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <malloc.h>
#include <sched.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "defound/core/error.h"
#include "defound/core/launch.h"
#include "defound/core/log.h"

namespace defound {
namespace {

/// Processes of one machine take its GPUs in turn.
torch::Device own_gpu() {
  const auto gpus = static_cast<int64_t>(torch::cuda::device_count());
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(launch_of_this_process().local_rank % gpus));
}

/// Processes that were started together on one machine share its cores, unless the launcher has bound them already.
void share_cores() {
  const Launch launch = launch_of_this_process();
  cpu_set_t allowed;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  if (launch.local_size < 2 || std::getenv("OMP_NUM_THREADS") != nullptr || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  if (CPU_COUNT(&allowed) == cores) torch::set_num_threads(std::max(1, cores / static_cast<int>(launch.local_size)));
}

}  // namespace

torch::Device parse_device(const std::string& text) {
  if (text == "cpu") return torch::kCPU;
  const bool has_cuda = torch::cuda::is_available();
  if (text == "auto") return has_cuda ? own_gpu() : torch::Device(torch::kCPU);
  const bool indexed = text.starts_with("cuda:") && text.size() > 5 && text.size() < 9 && text.find_first_not_of("0123456789", 5) == std::string::npos;
  if (text != "cuda" && !indexed) reject("device is '{}'; it must be auto, cpu, cuda or cuda:N", text);
  if (!has_cuda) reject("device is '{}' but this machine or this LibTorch has no CUDA; use --device cpu", text);
  if (!indexed) return own_gpu();
  const int index = std::stoi(text.substr(5));
  if (index >= static_cast<int>(torch::cuda::device_count())) reject("device is '{}' but there are only {} GPUs here", text, torch::cuda::device_count());
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index));
}

torch::Dtype parse_precision(const std::string& text) {
  if (text == "bf16") return torch::kBFloat16;
  if (text == "fp16") return torch::kFloat16;
  if (text == "fp64") return torch::kFloat64;
  if (text != "fp32") reject("precision is '{}'; it must be fp32, bf16, fp16 or fp64", text);
  return torch::kFloat32;
}

namespace {

/// Whether the CPU multiplies bf16 matrices itself; without, LibTorch does it element by element.
bool computes_bf16() {
  std::ifstream file("/proc/cpuinfo");  // flags avx512_bf16, amx_bf16 (x86) or bf16 (Arm); unknown where there is no such file
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.empty() || text.find("bf16") != std::string::npos;
}

/// Steps free and take the same tensors again and again: memory that goes back to the system in between is cleared page
/// by page each time, 8 % of a small MAE step on a CPU.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kMebibyte = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 * kMebibyte);
  mallopt(M_TRIM_THRESHOLD, 2047 * kMebibyte);
  mallopt(M_TOP_PAD, 64 * kMebibyte);
#endif
}

}  // namespace

torch::Device apply_execution(const ExecutionOptions& options) {
  keep_freed_memory();
  log::set_level(launch_of_this_process().rank == 0 ? options.log_level : "error");  // progress and logs are the leader's
  const torch::Device device = parse_device(options.device);
  if (options.precision == "fp16" && device.is_cpu()) reject("precision fp16 needs a GPU; on a CPU use bf16 or fp32");
  if (options.precision == "bf16" && device.is_cpu() && !computes_bf16())
    log::warn("this CPU has no bf16 arithmetic (AVX512-BF16 or AMX): --precision fp32 is many times as fast here");
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(device.type()).setDevice(device);  // or all processes would also use the first
  if (options.threads > 0) torch::set_num_threads(static_cast<int>(options.threads));
  else share_cores();  // else LibTorch's: OMP_NUM_THREADS, or the cores
  return device;
}

}  // namespace defound

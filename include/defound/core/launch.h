#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace defound {

/// This process among those that were started together, and where they meet.
struct Launch {
  int64_t rank = 0;
  int64_t size = 1;
  int64_t local_rank = 0;             ///< among those of this machine: chooses the GPU
  int64_t local_size = 1;
  std::string launcher = {};          ///< torchrun, mpirun, Slurm; "" when the process was started by itself
  std::string leader_host = {};       ///< of rank 0
  uint16_t port = 0;                  ///< where rank 0 listens
  bool store_is_there = false;        ///< torchrun's agent listens at that port already
  std::string attempt = {};           ///< differs when the launcher starts all of them again

  Launch as_client() const {          ///< for a second connection of a process
    Launch client = *this;
    client.store_is_there = true;
    return client;
  }
};

/// A variable's value, or nullptr; std::getenv but for tests.
using Environment = std::function<const char*(const char* name)>;

/// Reads the variables of torchrun (RANK, WORLD_SIZE, MASTER_ADDR, ...), Open MPI and MPICH (OMPI_COMM_WORLD_*, PMI_*), or a
/// Slurm step (SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_STEP_NODELIST). MASTER_ADDR and MASTER_PORT win where they are set.
/// Rejects (exit 2) a set that is incomplete or contradicts itself. A batch script's own shell counts as one process.
Launch launch_of(const Environment& environment);
Launch launch_of_this_process();

/// Rows begin..end-1 of `count`, for one of `size` processes; all together they are all rows once.
struct Share {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};
Share share_of(int64_t count, int64_t rank, int64_t size);

/// The first name of a Slurm host list: "gpu[03-07,11],login1" gives "gpu03".
std::string first_slurm_host(const std::string& list);

}  // namespace defound

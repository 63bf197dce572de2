#pragma once
#include <torch/torch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "defound/core/error.h"
#include "defound/core/launch.h"

namespace defound {

/// A sum that is on its way.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
  virtual void wait() = 0;     ///< the tensor then holds the sum
};

/// The processes that work on one run together; one of them is this one. All must make the same calls in the same order.
/// Tensors travel through Gloo (CPU) or NCCL (CUDA), short texts through the leader's key-value store. A watch beside the
/// work notices processes that died or hang, names the first cause and ends them all (see dist/watch.h).
class Group {
 public:
  /// This process alone: every call returns at once.
  Group();
  /// Meets the others at launch.leader_host. Fails (exit 1) naming who is missing after `timeout_seconds`.
  Group(const Launch& launch, torch::Device device, double timeout_seconds);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  int64_t rank() const { return launch_.rank; }
  int64_t size() const { return launch_.size; }
  bool is_leader() const { return launch_.rank == 0; }      ///< the one that writes files
  const Launch& launch() const { return launch_; }
  std::string description() const;                          ///< "4 processes on 2 hosts (Slurm, gloo)", or ""

  /// Adds up over all processes, in place and bit-equal on all; returns before the sum is there.
  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& tensor);
  void sum(const torch::Tensor& tensor);
  /// The values of process `root` for all, in place.
  void broadcast(const std::vector<torch::Tensor>& tensors, int64_t root = 0);
  /// Rows of all processes one after another ([n_0 + n_1 + ..., ...]), where each may bring another number of them.
  torch::Tensor gather_rows(const torch::Tensor& rows);

  /// The leader's text for all. Waits without limit for a leader that lives, so that it may work before.
  std::string share(const std::string& text);
  /// One text of each process, by rank, for the leader; nothing elsewhere.
  std::vector<std::string> gather(const std::string& text);
  /// Fails on all (exit 1) naming the ranks whose text is not the leader's. `what` is it about: "the weights at step 12".
  void agree(const std::string& text, const std::string& what);
  /// Nobody goes on before all are here. Waits without limit for processes that live.
  void meet();

  /// A text under a name that is used once, left for `await`; both may be called beside the work, in another thread.
  void post(const std::string& name, const std::string& text);
  /// Waits for it without limit, but not for the dead.
  std::string await(const std::string& name);

  /// What a process that votes for a stop wants written in the log; the first one's is kept.
  void give_reason(const std::string& reason);
  /// That reason; "" when nobody gave one.
  std::string reason();

  /// Tells the others why this process leaves, unless a cause is known already.
  void announce_failure(ExitCode code, const std::string& message);

 private:
  struct Links;
  std::string next_key();
  Launch launch_;
  int64_t hosts_ = 1, exchanges_ = 0;
  std::unique_ptr<Links> links_;      ///< none when alone
};

/// Runs `body` with the group that the environment describes. Where one process throws, all leave with its code and
/// the first cause in their message.
ExitCode run_together(torch::Device device, double timeout_seconds, const std::function<ExitCode(Group&)>& body);

/// Which transports this build has: "gloo", "gloo, nccl" or "none".
std::string transports();

}  // namespace defound

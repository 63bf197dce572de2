#include "defound/dist/group.h"

#include <fmt/ranges.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <csignal>
#include <set>

#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/run/host.h"
#include "transport.h"
#include "watch.h"

C10_DECLARE_int(caffe2_log_level);

namespace defound {
namespace {

using std::chrono::milliseconds;

c10::intrusive_ptr<c10d::Store> connect_store(const Launch& launch, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.store_is_there;
  options.waitWorkers = false;
  options.timeout = timeout;
  std::signal(SIGPIPE, SIG_IGN);  // the store answers a process that was lost: an error to be told, not the end of this one
  return c10::make_intrusive<c10d::PrefixStore>("defound/" + launch.attempt, c10::make_intrusive<c10d::TCPStore>(launch.leader_host, options));
}

c10::intrusive_ptr<c10d::Store> meet_at_store(const Launch& launch, milliseconds timeout) {
  try {
    return connect_store(launch, timeout);
  } catch (const std::exception& e) {
    const std::string place = fmt::format("{}:{}", launch.leader_host, launch.port);
    if (launch.rank == 0) fail("rank 0 cannot listen at {}: {}; if another job has the port, set MASTER_PORT to a free one", place, first_line_of(e.what()));
    fail("rank {} cannot reach rank 0 at {} within {} s: {}; check MASTER_ADDR, MASTER_PORT and that rank 0 runs", launch.rank, place,
         timeout.count() / 1000, first_line_of(e.what()));
  }
}

/// Everybody's "rank 2 (host, pid 123)", by rank. The leader names those who do not come.
std::vector<std::string> exchange_names(const c10::intrusive_ptr<c10d::Store>& store, const Launch& launch, milliseconds timeout) {
  const auto self = this_process();
  store->set(fmt::format("here/{}", launch.rank), fmt::format("{}, pid {}", self.host, self.pid));
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::vector<std::string> names;
  std::vector<int64_t> missing;
  for (int64_t rank = 0; rank < launch.size; ++rank) {
    const std::string key = fmt::format("here/{}", rank);
    bool here = store->check({key});
    while (!here && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(5));
      here = store->check({key});
    }
    if (here) names.push_back(fmt::format("rank {} ({})", rank, store->get_to_str(key)));
    else missing.push_back(rank);
  }
  if (!missing.empty()) fail("only {} of {} processes came within {} s: rank {} is missing", launch.size - static_cast<int64_t>(missing.size()), launch.size,
                             timeout.count() / 1000, fmt::join(missing, ", "));
  return names;
}

int64_t count_hosts(const std::vector<std::string>& names) {
  std::set<std::string> hosts;
  for (const auto& name : names) hosts.insert(name.substr(name.find('('), name.rfind(',') - name.find('(')));
  return static_cast<int64_t>(hosts.size());
}

}  // namespace

struct Group::Links {
  c10::intrusive_ptr<c10d::Store> store;
  std::unique_ptr<Watch> watch;
  torch::Device device;
  c10::intrusive_ptr<c10d::Backend> connected;

  c10d::Backend& backend() const {
    if (!connected) reject("several processes need {}, which this build lacks (it has: {}); see the dependencies in the README", device.is_cuda() ? "NCCL" : "Gloo",
                           transports());
    return *connected;
  }

  /// Waits for a value without limit of time, but not for the dead.
  std::string poll(const std::string& key) const {
    auto pause = std::chrono::microseconds(200);
    try {
      while (!store->check({key})) {
        watch->check();
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, std::chrono::microseconds(50000));
      }
      return store->get_to_str(key);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& e) {
      watch->fail_with(e.what());
    }
  }
};

namespace {

/// A transfer in the background; where it fails, the group's first cause is thrown.
class Transfer : public PendingSum {
 public:
  Transfer(c10::intrusive_ptr<c10d::Work> work, Watch& watch, torch::Device device) : work_(std::move(work)), watch_(watch), on_gpu_(device.is_cuda()) {}
  void wait() override {
    while (!wait_a_while()) watch_.check();
  }

 private:
  /// False: it is still under way. A transfer that waits for a dead process may do so for long.
  bool wait_a_while() {
    try {
      return work_->wait(on_gpu_ ? milliseconds(0) : milliseconds(200));  // on a GPU only the stream waits
    } catch (const std::exception& e) {
      if (!work_->isCompleted()) return false;
      if (work_->exception()) watch_.fail_with(e.what());
      return true;
    }
  }
  c10::intrusive_ptr<c10d::Work> work_;
  Watch& watch_;
  bool on_gpu_;
};

struct NothingToWaitFor : PendingSum {
  void wait() override {}
};

}  // namespace

Group::Group() = default;

Group::Group(const Launch& launch, torch::Device device, double timeout_seconds) : launch_(launch) {
  if (launch.size == 1) return;
  FLAGS_caffe2_log_level = 2;  // c10d warns of each attempt to connect
  const milliseconds timeout(static_cast<int64_t>(1000 * timeout_seconds));
  const auto store = meet_at_store(launch, timeout);
  const auto names = exchange_names(store, launch, timeout);
  hosts_ = count_hosts(names);
  auto watch = std::make_unique<Watch>(meet_at_store(launch.as_client(), timeout), launch.rank, names, WatchTimes{.silence = timeout});
  c10::intrusive_ptr<c10d::Backend> backend;
  try {
    backend = make_transport(launch, device, store, timeout);
  } catch (const std::exception& e) {
    watch->fail_with(e.what());
  }
  links_ = std::make_unique<Links>(Links{store, std::move(watch), device, backend});
}

Group::~Group() {
  if (!links_) return;
  links_->connected.reset();    // ends what waits for this process elsewhere
  links_->watch->begin_leaving();
  if (is_leader()) links_->watch->wait_for_others(milliseconds(10000));
}

std::string Group::description() const {
  if (!links_) return "";
  return fmt::format("{} processes on {} host{} ({}, {})", size(), hosts_, hosts_ == 1 ? "" : "s", launch_.launcher, links_->device.is_cuda() ? "nccl" : "gloo");
}

std::unique_ptr<PendingSum> Group::start_sum(const torch::Tensor& tensor) {
  if (!links_) return std::make_unique<NothingToWaitFor>();
  std::vector<torch::Tensor> tensors{tensor};
  try {
    return std::make_unique<Transfer>(links_->backend().allreduce(tensors), *links_->watch, links_->device);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    links_->watch->fail_with(e.what());
  }
}

void Group::sum(const torch::Tensor& tensor) {
  if (!links_) return;
  torch::NoGradGuard no_grad;
  const torch::Tensor there = tensor.to(links_->device).contiguous();
  start_sum(there)->wait();
  if (!there.is_same(tensor)) tensor.copy_(there);
}

void Group::broadcast(const std::vector<torch::Tensor>& tensors, int64_t root) {
  if (!links_) return;
  torch::NoGradGuard no_grad;
  c10d::BroadcastOptions options;
  options.rootRank = root;
  try {
    for (const torch::Tensor& tensor : tensors) {
      std::vector<torch::Tensor> there{tensor.to(links_->device).contiguous()};
      Transfer(links_->backend().broadcast(there, options), *links_->watch, links_->device).wait();
      if (!there[0].is_same(tensor)) tensor.copy_(there[0]);
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    links_->watch->fail_with(e.what());
  }
}

torch::Tensor Group::gather_rows(const torch::Tensor& rows) {
  if (!links_) return rows;
  torch::Tensor counts = torch::zeros({size()}, torch::kInt64);
  counts[rank()] = rows.size(0);
  sum(counts);
  const auto before = counts.slice(0, 0, rank()).sum().item<int64_t>();
  auto shape = rows.sizes().vec();
  shape[0] = counts.sum().item<int64_t>();
  const torch::Tensor all = torch::zeros(shape, rows.options());
  all.slice(0, before, before + rows.size(0)).copy_(rows);
  sum(all);  // zeros but for one's own rows: exact
  return all;
}

std::string Group::next_key() { return fmt::format("exchange/{}", exchanges_++); }

std::string Group::share(const std::string& text) {
  if (!links_) return text;
  const std::string key = next_key();
  if (!is_leader()) return links_->poll(key);
  links_->store->set(key, text);
  return text;
}

std::vector<std::string> Group::gather(const std::string& text) {
  if (!links_) return {text};
  const std::string key = next_key();
  links_->store->set(fmt::format("{}/{}", key, rank()), text);
  std::vector<std::string> texts;
  for (int64_t at = 0; is_leader() && at < size(); ++at) {
    texts.push_back(links_->poll(fmt::format("{}/{}", key, at)));
    links_->store->deleteKey(fmt::format("{}/{}", key, at));
  }
  return texts;
}

void Group::agree(const std::string& text, const std::string& what) {
  if (!links_) return;
  std::vector<size_t> others;
  const auto texts = gather(text);
  for (size_t at = 1; at < texts.size(); ++at) if (texts[at] != texts[0]) others.push_back(at);
  const std::string verdict = share(others.empty() ? "same" : fmt::format("{} of rank {} differ from those of rank 0", what, fmt::join(others, ", ")));
  if (verdict != "same") fail("{}; a process with other data, another program version or faulty memory: start again from the last checkpoint", verdict);
}

void Group::meet() {
  gather("");
  share("");
}

void Group::post(const std::string& name, const std::string& text) {
  if (links_) links_->store->set("post/" + name, text);
}

std::string Group::await(const std::string& name) {
  if (!links_) return "";
  const std::string text = links_->poll("post/" + name);
  links_->store->deleteKey("post/" + name);
  return text;
}

void Group::give_reason(const std::string& reason) {
  if (links_) links_->store->compareSet("reason", "", fmt::format("{} on rank {}", reason, rank()));
}

std::string Group::reason() { return links_ && links_->store->check({"reason"}) ? links_->store->get_to_str("reason") : ""; }

void Group::announce_failure(ExitCode code, const std::string& message) {
  if (links_) links_->watch->announce(code, message);
}

ExitCode run_together(torch::Device device, double timeout_seconds, const std::function<ExitCode(Group&)>& body) {
  Group group(launch_of_this_process(), device, timeout_seconds);
  if (!group.is_leader()) Progress::show_live({});
  else if (group.size() > 1) log::info("{}", group.description());
  try {
    const ExitCode code = body(group);
    group.meet();
    return code;
  } catch (const Error& e) {
    group.announce_failure(e.code(), e.what());
    throw;
  } catch (const std::exception& e) {
    group.announce_failure(ExitCode::kFailed, e.what());
    throw;
  }
}

}  // namespace defound

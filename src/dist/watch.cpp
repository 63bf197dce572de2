#include "watch.h"

#include <unistd.h>

#include <charconv>

#include "defound/core/log.h"

namespace defound {
namespace {

double in_seconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

Watch::Watch(c10::intrusive_ptr<c10d::Store> store, int64_t rank, std::vector<std::string> names, WatchTimes times)
    : store_(std::move(store)), rank_(rank), names_(std::move(names)), times_(times), last_look_(Clock::now()), last_guard_(last_look_), answered_(last_look_) {
  looking_ = std::thread([this] { run([this] { look_and_explain(); }); });
  guarding_ = std::thread([this] { run([this] { guard(); }); });
}

Watch::~Watch() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    if (!changed_.wait_for(lock, times_.grace, [&] { return running_ == 0; })) leave_at_once();  // it waits for a dead store
  }
  looking_.join();
  guarding_.join();
  try {
    store_->set(fmt::format("left/{}", rank_), "1");
  } catch (const std::exception&) {  // the store went first: nobody is left to miss this process
  }
}

void Watch::run(const std::function<void()>& round) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    round();
    lock.lock();
    changed_.wait_for(lock, times_.beat, [&] { return stopping_; });
  }
  --running_;
  changed_.notify_all();
}

void Watch::look_and_explain() {
  try {
    look();
    answered_ = Clock::now();
  } catch (const std::exception& e) {
    learn(fmt::format("1\n{} was lost: {} no longer hears its store ({})", names_[0], names_[static_cast<size_t>(rank_)], first_line_of(e.what())));
  }
}

void Watch::guard() {
  const auto now = Clock::now();
  if (now - last_guard_ > times_.beat + times_.suspicion) answered_ = now;  // as in look()
  last_guard_ = now;
  if (now - answered_.load() > times_.silence)
    learn(fmt::format("1\n{} did not answer {} for {:.0f} s: it was killed or stopped, or its machine is lost", names_[0],
                      names_[static_cast<size_t>(rank_)], in_seconds(now - answered_.load())));
  leave_if_ignored();
}

/// One round: a sign of life, a look for a known cause, and at those this process watches.
void Watch::look() {
  const auto now = Clock::now();
  if (now - last_look_ > times_.beat + times_.suspicion)
    for (auto& [rank, sign] : signs_) sign.seen = now;  // this process itself was suspended meanwhile
  last_look_ = now;
  store_->set(fmt::format("alive/{}", rank_), std::to_string(++beats_));
  std::string complaint;
  {
    const std::lock_guard lock(mutex_);
    if (cause_) return;
    complaint = complaint_;
  }
  if (store_->check({"failure"})) return learn(store_->get_to_str("failure"));
  if (!complaint.empty()) store_->compareSet("complaint", "", complaint);
  if (!complained_ && store_->check({"complaint"})) complained_ = now;
  if (rank_ != 0) return look_at(0);
  for (int64_t rank = 1; rank < static_cast<int64_t>(names_.size()); ++rank) look_at(rank);
  if (complained_ && now - *complained_ > times_.verdict) publish(ExitCode::kFailed, store_->get_to_str("complaint"));
}

void Watch::look_at(int64_t rank) {
  const std::string key = fmt::format("alive/{}", rank);
  const std::string beat = store_->check({key}) ? store_->get_to_str(key) : "";
  const auto now = Clock::now();
  const auto [sign, is_new] = signs_.try_emplace(rank, Sign{beat, now});
  if (is_new || sign->second.beat != beat) {
    sign->second = {beat, now};
    return;
  }
  const auto silent = now - sign->second.seen;
  if (silent < (complained_ ? times_.suspicion : times_.silence) || has_left(rank)) return;
  publish(ExitCode::kFailed, fmt::format("{} gave no sign of life for {:.0f} s: it was killed or stopped, or its machine is lost",
                                         names_[static_cast<size_t>(rank)], in_seconds(silent)));
}

bool Watch::has_left(int64_t rank) { return store_->check({fmt::format("left/{}", rank)}); }

/// The first to publish names the cause for all.
void Watch::publish(ExitCode code, const std::string& message) {
  learn(store_->compareSet("failure", "", fmt::format("{}\n{}", static_cast<int>(code), message)));
}

void Watch::learn(const std::string& text) {
  const size_t line = text.find('\n');
  int code = 1;
  std::from_chars(text.data(), text.data() + std::min(line, text.size()), code);
  {
    const std::lock_guard lock(mutex_);
    if (cause_) return;
    cause_.emplace(code == static_cast<int>(ExitCode::kUsage) ? ExitCode::kUsage : ExitCode::kFailed, text.substr(line + 1));
    known_since_ = Clock::now();
  }
  changed_.notify_all();
}

/// A transfer that waits for a dead process, in NCCL for ever, does not hold this one up.
void Watch::leave_if_ignored() {
  const std::lock_guard lock(mutex_);
  if (cause_ && !leaving_ && !stopping_ && Clock::now() - known_since_ > times_.grace) leave_at_once();
}

void Watch::leave_at_once() const {
  log::error("{} leaves: {}", names_[static_cast<size_t>(rank_)], cause_ ? cause_->what() : "the leader's store does not answer");
  _exit(static_cast<int>(cause_ ? cause_->code() : ExitCode::kFailed));
}

void Watch::check() const {
  const std::lock_guard lock(mutex_);
  if (cause_) throw Error(*cause_);
}

void Watch::fail_with(const std::string& message) {
  std::unique_lock lock(mutex_);
  complaint_ = fmt::format("{}: {}", names_[static_cast<size_t>(rank_)], first_line_of(message));
  const auto most = times_.verdict + 5 * times_.beat;
  if (!changed_.wait_for(lock, most, [&] { return cause_.has_value(); })) cause_.emplace(ExitCode::kFailed, complaint_);
  throw Error(*cause_);
}

void Watch::announce(ExitCode code, const std::string& message) {
  {
    const std::lock_guard lock(mutex_);
    if (cause_) return;
  }
  try {
    publish(code, fmt::format("{}: {}", names_[static_cast<size_t>(rank_)], first_line_of(message)));
  } catch (const std::exception&) {  // the store is gone: the others notice that by themselves
  }
}

void Watch::begin_leaving() {
  const std::lock_guard lock(mutex_);
  leaving_ = true;
}

void Watch::wait_for_others(std::chrono::milliseconds most) {
  {
    const std::lock_guard lock(mutex_);
    if (cause_) most = std::min(most, 3 * times_.beat);  // some may be dead; the others hear of it within a beat
  }
  const auto end = Clock::now() + most;
  for (int64_t rank = 0; rank < static_cast<int64_t>(names_.size()); ++rank)
    while (rank != rank_ && Clock::now() < end && !has_left(rank)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace defound

#include "bench_profile.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <thread>
#include <vector>

namespace defound {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// What the callbacks, which are plain functions, write to.
struct OperatorTimes {
  std::thread::id thread = std::this_thread::get_id();
  std::vector<double> of_children{0};          // of the operators under way, the innermost last
  std::map<std::string, double> own;           // seconds by operator
};
OperatorTimes* current_times = nullptr;

struct OperatorStart : at::ObserverContext {
  Clock::time_point at = Clock::now();
};

std::unique_ptr<at::ObserverContext> enter_operator(const at::RecordFunction&) {
  if (!current_times || std::this_thread::get_id() != current_times->thread) return nullptr;
  current_times->of_children.push_back(0);
  return std::make_unique<OperatorStart>();
}

void leave_operator(const at::RecordFunction& function, at::ObserverContext* context) {
  if (!context || !current_times) return;
  const double seconds = seconds_since(static_cast<OperatorStart*>(context)->at);
  current_times->own[function.name()] += seconds - current_times->of_children.back();
  current_times->of_children.pop_back();
  current_times->of_children.back() += seconds;
}

}  // namespace

Json profile_of(const std::function<void()>& step) {
  constexpr size_t kMost = 15;
  OperatorTimes times;
  current_times = &times;
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(enter_operator, leave_operator).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  const auto start = Clock::now();
  step();
  const double total = seconds_since(start);
  at::removeCallback(handle);
  current_times = nullptr;
  std::vector<std::pair<std::string, double>> rows(times.own.begin(), times.own.end());
  rows.emplace_back("outside", total - times.of_children.front());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  rows.resize(std::min(rows.size(), kMost));
  Json profile = Json::object();
  for (const auto& [name, seconds] : rows) profile[name] = std::round(1000 * seconds / total) / 1000;
  return profile;
}

}  // namespace defound

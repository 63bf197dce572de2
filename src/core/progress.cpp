#include "defound/core/progress.h"

#include <algorithm>
#include <utility>

#include "defound/core/log.h"

namespace defound {
namespace {
using Clock = std::chrono::steady_clock;

constexpr int64_t kBarWidth = 24;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Progress::LiveLine& live_line() {
  static Progress::LiveLine line;
  return line;
}
}  // namespace

void Progress::show_live(LiveLine line) { live_line() = std::move(line); }

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

Progress::Progress(std::string title, int64_t total, int64_t done, std::string unit)
    : title_(std::move(title)), unit_(std::move(unit)), total_(total), first_(done), done_(done),
      start_(Clock::now()), shown_(start_) {}

Progress::~Progress() {
  if (live_line() && done_ > first_) live_line()("");
}

double Progress::rate() const { return static_cast<double>(done_ - first_) / std::max(1e-9, seconds_since(start_)); }

std::string Progress::line(int64_t done, const std::string& note) const {
  const double left = static_cast<double>(total_ - done) / std::max(1e-9, rate());
  return fmt::format("{} {}/{} ({:.0f} %), {:.1f} {}/s, {} left{}{}", title_, done, total_,
                     100.0 * static_cast<double>(done) / static_cast<double>(std::max<int64_t>(total_, 1)), rate(), unit_,
                     duration_text(left), note.empty() ? "" : ", ", note);
}

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  const bool last = done >= total_;
  const double interval = live_line() ? 0.2 : 15.0;  // a log file wants few lines
  if (!last && seconds_since(shown_) < interval) return;
  shown_ = Clock::now();
  if (!live_line()) return log::info("{}", line(done, note));
  const auto filled = static_cast<size_t>(kBarWidth * std::min(done, total_) / std::max<int64_t>(total_, 1));
  live_line()(fmt::format("[{}{}] {}", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), line(done, note)));
}

}  // namespace defound

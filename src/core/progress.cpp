#include "defound/core/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "defound/core/log.h"

namespace defound {
namespace {
using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }
}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

Progress::Progress(std::string title, int64_t total, int64_t done, std::string unit)
    : title_(std::move(title)), unit_(std::move(unit)), total_(total), first_(done), done_(done),
      terminal_(isatty(STDERR_FILENO) == 1), start_(Clock::now()), shown_(start_) {}

Progress::~Progress() {
  if (terminal_ && done_ > first_) std::fputs("\n", stderr);
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
  const double interval = terminal_ ? 0.2 : 15.0;  // a log file wants few lines
  if (!last && seconds_since(shown_) < interval) return;
  shown_ = Clock::now();
  if (!terminal_) return log::info("{}", line(done, note));
  const int filled = static_cast<int>(24 * done / std::max<int64_t>(total_, 1));
  std::fprintf(stderr, "\r\033[K[%s%s] %s", std::string(filled, '#').c_str(), std::string(24 - std::min(24, filled), '.').c_str(),
               line(done, note).c_str());
  std::fflush(stderr);
}

}  // namespace defound

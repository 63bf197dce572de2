#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace defound {

/// Progress with rate and time left: a live bar where a tool shows one, else a line in the log every so often.
class Progress {
 public:
  /// Takes the bar as it stands now, and "" when it has come to its end.
  using LiveLine = std::function<void(const std::string& bar)>;
  /// What shows the bars of this process from now on; a tool on a terminal says it once, before it begins.
  static void show_live(LiveLine line);

  /// `total` items in all, of which `done` are there at the start; `unit` names them ("images", "steps").
  Progress(std::string title, int64_t total, int64_t done = 0, std::string unit = "images");
  ~Progress();
  /// `done` items are finished; `note` (for example "loss 0.512") stands at the end of the line.
  void update(int64_t done, const std::string& note = "");
  /// Items a second since the start of this process.
  double rate() const;

 private:
  std::string line(int64_t done, const std::string& note) const;
  std::string title_, unit_;
  int64_t total_, first_, done_;
  std::chrono::steady_clock::time_point start_, shown_;
};

/// "2 h 05 min", "3 min 12 s", "8 s".
std::string duration_text(double seconds);

}  // namespace defound

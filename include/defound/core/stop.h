#pragma once

namespace defound {

/// Catches SIGINT, SIGTERM and SIGUSR1 for as long as it lives: the work in hand is finished and saved, then the
/// tool leaves with 75. A second SIGINT leaves at once. Where a signal has come, further ones are ignored afterwards: batch
/// systems repeat them, and the process is leaving already.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  static bool requested();      ///< has a signal come since the object was made?
  static const char* name();    ///< of the signal that came, or ""
};

}  // namespace defound

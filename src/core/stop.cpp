#include "defound/core/stop.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace defound {
namespace {

std::atomic<int> received{0};
struct sigaction previous[3];
constexpr int kSignals[3] = {SIGINT, SIGTERM, SIGUSR1};

void on_signal(int number) {
  if (number == SIGINT && received.load() == SIGINT) _exit(128 + SIGINT);
  received.store(number);
}

}  // namespace

StopSignal::StopSignal() {
  received.store(0);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], &action, &previous[i]);
}

StopSignal::~StopSignal() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  for (int i = 0; i < 3; ++i) sigaction(kSignals[i], received.load() != 0 ? &ignore : &previous[i], nullptr);
  received.store(0);
}

bool StopSignal::requested() { return received.load() != 0; }

const char* StopSignal::name() {
  switch (received.load()) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGUSR1: return "SIGUSR1";
    default: return "";
  }
}

}  // namespace defound

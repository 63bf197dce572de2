#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "defound/dist/group.h"

namespace defound::testing {

/// A port nobody listens at.
inline uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  bind(descriptor, reinterpret_cast<sockaddr*>(&address), length);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length);
  close(descriptor);
  return ntohs(address.sin_port);
}

/// Runs `work` as each of `size` members of a group, in threads of this process; what each of them threw, by rank.
inline std::vector<std::exception_ptr> run_group(int64_t size, const std::function<void(Group&)>& work, double timeout_seconds = 60) {
  setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);  // LibTorch asks DNS for the names of addresses: a lost packet costs 5 s
  const uint16_t port = free_port();
  std::vector<std::exception_ptr> errors(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      try {
        Group group(Launch{.rank = rank, .size = size, .local_rank = rank, .local_size = size, .launcher = "test", .leader_host = "127.0.0.1", .port = port},
                    torch::kCPU, timeout_seconds);
        try {
          work(group);
          group.meet();
        } catch (const std::exception& e) {
          group.announce_failure(ExitCode::kFailed, e.what());
          throw;
        }
      } catch (...) {
        errors[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  for (auto& thread : threads) thread.join();
  return errors;
}

/// The same, where no member may throw.
inline void run_whole_group(int64_t size, const std::function<void(Group&)>& work) {
  for (const auto& error : run_group(size, work))
    if (error) std::rethrow_exception(error);
}

inline std::string message_of(const std::exception_ptr& error) {
  if (!error) return "";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace defound::testing

// Compiled where Gloo's headers are found; else without_gloo_transport.cpp.
#define USE_C10D_GLOO
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <array>
#include <cstdlib>

#include "transport.h"

namespace defound {
namespace {

std::string text_of(const sockaddr* address) {
  std::array<char, NI_MAXHOST> text{};
  const socklen_t length = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return getnameinfo(address, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0 ? text.data() : "";
}

bool is_loopback(const std::string& address) { return address.empty() || address.starts_with("127.") || address == "::1"; }

/// The address from which this machine reaches the host: the kernel's choice for a datagram socket, nothing is sent.
std::string address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "9", &hints, &found) != 0) return "";
  std::string address;
  for (const addrinfo* at = found; at != nullptr && address.empty(); at = at->ai_next) {
    const int descriptor = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage own{};
    socklen_t length = sizeof(own);
    if (descriptor >= 0 && connect(descriptor, at->ai_addr, at->ai_addrlen) == 0 && getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &length) == 0)
      address = text_of(reinterpret_cast<sockaddr*>(&own));
    if (descriptor >= 0) close(descriptor);
  }
  freeaddrinfo(found);
  return address;
}

/// The first address of this machine that others can reach; for a leader whose own name means 127.0.1.1 in /etc/hosts.
std::string outward_address() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return "";
  std::string address;
  for (const ifaddrs* at = all; at != nullptr && address.empty(); at = at->ifa_next)
    if (at->ifa_addr != nullptr && at->ifa_addr->sa_family == AF_INET && (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0)
      address = text_of(at->ifa_addr);
  freeifaddrs(all);
  return address;
}

std::shared_ptr<::gloo::transport::Device> device_for(const Launch& launch) {
  if (const char* name = std::getenv("GLOO_SOCKET_IFNAME"); name != nullptr && *name != '\0') return c10d::ProcessGroupGloo::createDeviceForInterface(name);
  std::string address = address_towards(launch.leader_host);
  if (is_loopback(address) && launch.local_size < launch.size) address = outward_address();
  return c10d::ProcessGroupGloo::createDeviceForHostname(address.empty() ? "127.0.0.1" : address);
}

}  // namespace

bool has_gloo() { return true; }

c10::intrusive_ptr<c10d::Backend> make_gloo(const Launch& launch, const c10::intrusive_ptr<c10d::Store>& store, std::chrono::milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices.push_back(device_for(launch));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(launch.rank), static_cast<int>(launch.size), options);
}

}  // namespace defound

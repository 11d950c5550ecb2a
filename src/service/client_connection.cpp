#include "service/client_connection.h"

#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

namespace llama4rec::service {
namespace {

/// `end` is getpeername or getsockname; the address is written as httplib writes it.
bool has_address(int (*end)(int, sockaddr*, socklen_t*), int socket, const std::string& host, int port) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (end(socket, plain, &length) != 0) return false;
  std::array<char, NI_MAXHOST> name{};
  std::array<char, NI_MAXSERV> service{};
  return ::getnameinfo(plain, length, name.data(), name.size(), service.data(), service.size(),
                       NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
         std::string_view(service.data()) == std::to_string(port) && std::string_view(name.data()) == host;
}

/// -1 where there is none.
int socket_of(const httplib::Request& request) {
  std::error_code problem;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator it("/proc/self/fd", problem); !problem && it != end; it.increment(problem)) {
    const auto name = it->path().filename().string();
    int number = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc()) continue;
    if (has_address(::getpeername, number, request.remote_addr, request.remote_port) &&
        has_address(::getsockname, number, request.local_addr, request.local_port)) {
      return number;
    }
  }
  return -1;
}

}  // namespace

bool ClientConnection::closed() {
  if (!looked_for_) socket_ = socket_of(request_);
  looked_for_ = true;
  if (socket_ < 0) return false;
  pollfd state{.fd = socket_, .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace llama4rec::service

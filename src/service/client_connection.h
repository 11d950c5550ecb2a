// Whether a request's client is still there while its answer is computed.
#pragma once

namespace httplib {
struct Request;
}

namespace llama4rec::service {

/// httplib (0.11) looks at a connection only where it writes, and hands its socket to nobody: it is found among this process's own by
/// the two addresses of the request, which no other connection has.
class ClientConnection {
 public:
  /// The request must outlive it. For the thread that handles the request, which keeps the socket open.
  explicit ClientConnection(const httplib::Request& request) : request_(request) {}

  /// The client has closed the connection or its own half of it, or the connection is broken. Never true where the socket cannot be
  /// found (no /proc): then the answer is computed for whoever may read it.
  [[nodiscard]] bool closed();

 private:
  const httplib::Request& request_;
  bool looked_for_ = false;
  int socket_ = -1;
};

}  // namespace llama4rec::service

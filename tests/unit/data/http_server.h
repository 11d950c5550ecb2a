// A local HTTP server that misbehaves as a test wants it to.
#pragma once

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace llama4rec::data {

/// Serves one file under /file.zip. All settings must be made before the first request.
class FileServer {
 public:
  std::string content;
  bool honours_ranges = true;
  std::string etag;           ///< sent where not empty
  std::size_t cut_after = 0;  ///< the first connections end after so many bytes of theirs; 0 = never
  std::atomic<int> cuts_left = 0;
  std::size_t longest_range = 0;       ///< a range that is asked for is answered up to so many bytes; 0 = in full
  std::atomic<int> empty_answers = 0;  ///< the first answers are good ones without a body
  std::atomic<int> requests = 0;
  std::vector<std::string> ranges;  ///< the Range headers of the requests, in their order

  FileServer() {
    server_.Get("/file.zip",
                [this](const httplib::Request& request, httplib::Response& response) { serve(request, response); });
    server_.Get("/moved",
                [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/file.zip"); });
    server_.Get("/loop", [](const httplib::Request&, httplib::Response& response) { response.set_redirect("/loop"); });
    server_.Get("/to-file", [](const httplib::Request&, httplib::Response& response) {
      response.set_redirect("file:///etc/hostname");
    });
    server_.Get("/broken", [](const httplib::Request&, httplib::Response& response) {
      response.status = 500;
      response.set_content("sorry", "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~FileServer() {
    server_.stop();
    thread_.join();
  }
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;
  FileServer(FileServer&&) = delete;
  FileServer& operator=(FileServer&&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/file.zip") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void serve(const httplib::Request& request, httplib::Response& response) {
    ++requests;
    ranges.push_back(request.get_header_value("Range"));
    if (!etag.empty()) response.set_header("ETag", etag);
    const std::size_t asked = request.ranges.empty() ? 0 : static_cast<std::size_t>(request.ranges[0].first);
    // The library would cut the body once more.
    const_cast<httplib::Request&>(request).ranges.clear();  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    if (empty_answers > 0) {
      --empty_answers;
      response.set_content("", "application/zip");
      return;
    }
    const auto condition = request.get_header_value("If-Range");
    const bool current = condition.empty() || condition == etag;
    const std::size_t begin = honours_ranges && current ? asked : 0;
    if (begin >= content.size()) {
      response.status = 416;
      response.set_header("Content-Range", "bytes */" + std::to_string(content.size()));
      return;
    }
    const std::size_t rest = content.size() - begin;
    const std::size_t size = begin > 0 && longest_range > 0 ? std::min(longest_range, rest) : rest;
    if (begin > 0) {
      response.status = 206;
      response.set_header("Content-Range", "bytes " + std::to_string(begin) + "-" + std::to_string(begin + size - 1) +
                                               "/" + std::to_string(content.size()));
    }
    const bool cut = cuts_left > 0;
    if (cut) --cuts_left;
    response.set_content_provider(
        size, "application/zip", [this, begin, cut](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
          const std::size_t most = cut ? cut_after - std::min(cut_after, offset) : length;
          if (most == 0) return false;
          return sink.write(content.data() + begin + offset, std::min({length, most, std::size_t{4096}}));
        });
  }

  httplib::Server server_;
  std::thread thread_;
  int port_ = 0;
};

}  // namespace llama4rec::data

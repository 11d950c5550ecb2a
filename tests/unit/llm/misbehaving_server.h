// A local server with the OpenAI API that misbehaves as a test wants it to.
#pragma once

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::llm::testing {

class MisbehavingServer {
 public:
  /// What the server does with one request; `body` is its document.
  using Behaviour = std::function<void(const nlohmann::json& body, httplib::Response& response)>;

  /// Before the first request: what is done where nothing is scheduled, and the list of models.
  Behaviour usual = [](const nlohmann::json&, httplib::Response& response) { answer(response, "ok"); };
  std::string models = R"({"object": "list", "data": [{"id": "m", "owned_by": "test", "max_model_len": 2048}]})";
  int models_status = 200;

  MisbehavingServer() {
    server_.Get("/v1/models", [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      response.status = models_status;
      response.set_content(models, "application/json");
    });
    const auto complete = [this](const httplib::Request& request, httplib::Response& response) {
      note(request);
      const auto body = nlohmann::json::parse(request.body, nullptr, false);
      Behaviour behaviour = usual;
      {
        const std::lock_guard lock(mutex_);
        bodies_.push_back(body);
        if (!scheduled_.empty()) {
          behaviour = scheduled_.front();
          scheduled_.pop_front();
        }
      }
      const int now = ++in_flight_;
      for (int most = most_in_flight_; now > most && !most_in_flight_.compare_exchange_weak(most, now);) {
      }
      behaviour(body, response);
      --in_flight_;
    };
    server_.Post("/v1/chat/completions", complete);
    server_.Post("/v1/completions", complete);
    server_.new_task_queue = [] { return new httplib::ThreadPool(16); };  // httplib takes ownership of it
    server_.set_tcp_nodelay(true);  // or every answer waits 40 ms for the client's acknowledgement
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~MisbehavingServer() {
    server_.stop();
    thread_.join();
  }
  MisbehavingServer(const MisbehavingServer&) = delete;
  MisbehavingServer& operator=(const MisbehavingServer&) = delete;
  MisbehavingServer(MisbehavingServer&&) = delete;
  MisbehavingServer& operator=(MisbehavingServer&&) = delete;

  [[nodiscard]] std::string address() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  /// The next completion requests meet these, one each.
  void schedule(std::vector<Behaviour> behaviours) {
    const std::lock_guard lock(mutex_);
    scheduled_.insert(scheduled_.end(), behaviours.begin(), behaviours.end());
  }
  /// Completion requests' documents, in the order of arrival.
  [[nodiscard]] std::vector<nlohmann::json> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  /// The Authorization headers of all requests.
  [[nodiscard]] std::vector<std::string> authorizations() const {
    const std::lock_guard lock(mutex_);
    return authorizations_;
  }
  [[nodiscard]] int most_in_flight() const { return most_in_flight_; }

  static void answer(httplib::Response& response, const std::string& text) {
    nlohmann::json document;
    document["choices"][0]["message"]["content"] = text;
    document["choices"][0]["text"] = text;
    document["choices"][0]["finish_reason"] = "stop";
    document["usage"]["prompt_tokens"] = 10;
    document["usage"]["completion_tokens"] = 4;
    response.set_content(document.dump(), "application/json");
  }
  static Behaviour says(const std::string& text) {
    return [text](const nlohmann::json&, httplib::Response& response) { answer(response, text); };
  }
  static Behaviour status(int code, const std::string& message = "no", const std::string& retry_after = "") {
    return [=](const nlohmann::json&, httplib::Response& response) {
      response.status = code;
      if (!retry_after.empty()) response.set_header("Retry-After", retry_after);
      nlohmann::json document;
      document["error"]["message"] = message;
      response.set_content(document.dump(), "application/json");
    };
  }
  static Behaviour raw(const std::string& body) {
    return
        [body](const nlohmann::json&, httplib::Response& response) { response.set_content(body, "application/json"); };
  }
  static Behaviour slow(int milliseconds, const Behaviour& then) {
    return [milliseconds, then](const nlohmann::json& body, httplib::Response& response) {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      then(body, response);
    };
  }
  /// Promises a thousand bytes and closes the connection after ten.
  static Behaviour cut() {
    return [](const nlohmann::json&, httplib::Response& response) {
      response.set_content_provider(1000, "application/json",
                                    [](std::size_t offset, std::size_t, httplib::DataSink& sink) {
                                      if (offset > 0) return false;
                                      sink.write("{\"choices\"", 10);
                                      return true;
                                    });
    };
  }
  static Behaviour redirect(const std::string& address) {
    return [address](const nlohmann::json&, httplib::Response& response) { response.set_redirect(address, 307); };
  }

 private:
  void note(const httplib::Request& request) {
    const std::lock_guard lock(mutex_);
    authorizations_.push_back(request.get_header_value("Authorization"));
  }

  httplib::Server server_;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::deque<Behaviour> scheduled_;
  std::vector<nlohmann::json> bodies_;
  std::vector<std::string> authorizations_;
  std::atomic<int> in_flight_ = 0;
  std::atomic<int> most_in_flight_ = 0;
  int port_ = 0;
};

}  // namespace llama4rec::llm::testing

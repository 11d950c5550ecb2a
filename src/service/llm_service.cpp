#include "service/llm_service.h"

#include <httplib.h>
#include <openssl/crypto.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <functional>
#include <thread>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/log.h"
#include "core/random.h"
#include "core/seconds_since.h"
#include "core/text.h"
#include "service/api_error.h"
#include "service/api_request.h"
#include "service/api_response.h"
#include "service/client_connection.h"
#include "service/metrics.h"
#include "service/model_worker.h"

namespace llama4rec::service {
namespace {

using Json = nlohmann::ordered_json;

/// Threads beyond those whose requests wait: for lists, metrics, health and refusals.
constexpr std::int64_t kSpareThreads = 8;
/// Milliseconds without news until the client's connection is looked at.
constexpr int kPatience = 100;
/// Of a request that was given up: nginx's number for it, which nobody reads but /metrics.
constexpr int kClientHasGone = 499;

void set_document(httplib::Response& response, int status, const Json& document) {
  response.status = status;
  response.set_content(document.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
}

/// JSON as deep as a stack allows could be sent; nothing that is understood is deeper than this.
nlohmann::json parse_body(const std::string& body) {
  constexpr int kDeepest = 32;
  try {
    return nlohmann::json::parse(body, [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
      if (depth > kDeepest) throw ApiError(400, "the body is nested too deeply");
      return true;
    });
  } catch (const nlohmann::json::exception&) {
    throw ApiError(400, "the body is not valid JSON");
  }
}

}  // namespace

struct LlmService::State {
  State(ServedModel& served, const std::string& served_name, const ServeOptions& given, const std::string& key)
      : model(served),
        name(served_name),
        options(given),
        key_digest(key.empty() ? "" : sha256(key)),
        fingerprint(served.fingerprint()),
        started(std::time(nullptr)),
        worker(served, {.queue = given.queue, .batch = given.batch, .prompt_tokens = given.prompt_tokens}, metrics) {}

  ServedModel& model;
  std::string name;
  ServeOptions options;
  std::string key_digest;  ///< SHA-256; empty: no key
  std::string fingerprint;
  std::time_t started;
  Metrics metrics;
  std::atomic<std::int64_t> answers = 0;
  std::atomic<std::int64_t> open = 0;  ///< completion requests whose responses are not written yet
  std::atomic<bool> draining = false;
  ModelWorker worker;
  httplib::Server server;
  std::thread listener;
  int port = 0;

  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  /// Compared by digests of equal length, in a time that does not tell how much of a key is right.
  void check_key(const httplib::Request& request) const {
    if (key_digest.empty()) return;
    constexpr std::string_view kScheme = "Bearer ";
    const auto header = request.get_header_value("Authorization");
    const auto sent = sha256(header.starts_with(kScheme) ? header.substr(kScheme.size()) : "");
    const bool equal = CRYPTO_memcmp(sent.data(), key_digest.data(), key_digest.size()) == 0;
    if (!header.starts_with(kScheme) || !equal)
      throw ApiError(401, "the key is missing or wrong", "", "invalid_api_key");
  }

  /// Checks the key, turns errors into documents, counts.
  Handler guarded(const std::string& path, Handler handler) {
    return [this, path, handler = std::move(handler)](const httplib::Request& request, httplib::Response& response) {
      const auto start = std::chrono::steady_clock::now();
      response.status = 200;
      try {
        check_key(request);
        handler(request, response);
      } catch (const ApiError& error) {
        refuse(response, error);
      } catch (const std::exception& problem) {
        log::error("{}: {}", path, problem.what());
        refuse(response, ApiError(500, "an internal error; the server's log tells more"));
      }
      metrics.count_request(path, response.status, seconds_since(start));
    };
  }

  void refuse(httplib::Response& response, const ApiError& error) const {
    if (error.status() == 429 || error.status() == 503) {
      response.set_header("Retry-After", fmt::format("{}", worker.retry_after()));
    }
    if (error.status() == 401) response.set_header("WWW-Authenticate", "Bearer");
    set_document(response, error.status(), error.document());
  }

  void list_models(httplib::Response& response) const {
    Json entry;
    entry["id"] = name;
    entry["object"] = "model";
    entry["created"] = started;
    entry["owned_by"] = "llama4rec";
    entry["max_model_len"] = model.context_length();
    entry["llama4rec"]["fingerprint"] = fingerprint;
    Json document;
    document["object"] = "list";
    document["data"] = Json::array();
    document["data"].push_back(std::move(entry));
    set_document(response, 200, document);
  }

  void complete(const httplib::Request& request, httplib::Response& response, bool chat) {
    if (draining) throw ApiError(503, "the server is stopping");
    auto read = read_request(parse_body(request.body), chat, {.model = name, .answer_tokens = options.answer_tokens});
    const AnswerIdentity identity{.id = fmt::format("{}-{}-{}", chat ? "chatcmpl" : "cmpl", started, ++answers),
                                  .model = name,
                                  .created = std::time(nullptr)};
    if (!read.seed_given)
      read.completion.sampling.seed = derived_seed(static_cast<std::uint64_t>(started), identity.id);
    const bool stream = read.stream;
    auto job = worker.submit(std::move(read));
    ++open;
    if (stream) {
      start_stream(job, identity, request, response);
      return;
    }
    try {
      const auto answer = wait_for_answer(*job, request);
      set_document(response, 200, response_document(job->request, identity, answer));
    } catch (...) {
      --open;
      throw;
    }
    --open;
  }

  /// ApiError where the client has gone: the model then gives the job up.
  static void check_client(ClientConnection& client, Job& job) {
    if (!client.closed()) return;
    job.abandoned = true;
    throw ApiError(kClientHasGone, "the client has gone");
  }

  static ApiAnswer wait_for_answer(Job& job, const httplib::Request& request) {
    ClientConnection client(request);
    while (true) {
      if (auto answer = job.wait(kPatience)) return std::move(*answer);
      check_client(client, job);
    }
  }

  static Job::Progress wait_for_first_piece(Job& job, const httplib::Request& request) {
    ClientConnection client(request);
    while (true) {
      auto first = job.wait_for_progress(kPatience);
      if (first.piece || first.answer) return first;
      check_client(client, job);
    }
  }

  /// The first piece decides the status: what fails before it is an error response, not a stream.
  void start_stream(const std::shared_ptr<Job>& job, const AnswerIdentity& identity, const httplib::Request& request,
                    httplib::Response& response) {
    Job::Progress first;
    try {
      first = wait_for_first_piece(*job, request);
    } catch (...) {
      --open;
      throw;
    }
    auto pending = std::make_shared<Job::Progress>(std::move(first));
    auto begun = std::make_shared<bool>(false);
    const auto write = [](httplib::DataSink& sink, const std::string& text) {
      return text.empty() || sink.write(text.data(), text.size());
    };
    response.set_chunked_content_provider(
        "text/event-stream",
        [job, identity, pending, begun, write](std::size_t, httplib::DataSink& sink) {
          try {
            std::string events;
            if (!*begun) events = stream_beginning(job->request, identity);
            *begun = true;
            auto progress = std::exchange(*pending, {});
            if (!progress.piece && !progress.answer) progress = job->wait_for_progress(kPatience);
            if (progress.piece) events += stream_piece(job->request, identity, *progress.piece);
            if (progress.answer) events += stream_end(job->request, identity, *progress.answer);
            if (!write(sink, events)) return false;
            if (progress.answer) sink.done();
            return true;
          } catch (const ApiError& error) {
            (void)write(sink, stream_failure(error.document()));
            sink.done();
            return true;
          } catch (const std::exception&) {
            return false;
          }
        },
        [this, job](bool) {
          job->abandoned = true;  // without effect on one that is finished
          --open;
        });
  }

  void set_up() {
    server.new_task_queue = [this] {
      // One thread a request that waits or runs. httplib takes ownership.
      return new httplib::ThreadPool(static_cast<std::size_t>(options.queue + options.batch + kSpareThreads));
    };
    constexpr time_t kReadSeconds = 30;
    constexpr time_t kWriteSeconds = 30;
    server.set_read_timeout(kReadSeconds, 0);
    server.set_write_timeout(kWriteSeconds, 0);
    server.set_keep_alive_max_count(1000);
    server.set_tcp_nodelay(true);
    server.set_payload_max_length(static_cast<std::size_t>(options.body_bytes));
    server.Get("/health", [this](const httplib::Request&, httplib::Response& response) {
      Json document;
      document["status"] = draining ? "stopping" : "ok";
      set_document(response, draining ? 503 : 200, document);
    });
    server.Get("/metrics", guarded("/metrics", [this](const httplib::Request&, httplib::Response& response) {
                 response.set_content(metrics.text(), "text/plain; version=0.0.4");
               }));
    server.Get("/v1/models", guarded("/v1/models", [this](const httplib::Request&, httplib::Response& response) {
                 list_models(response);
               }));
    for (const bool chat : {true, false}) {
      const std::string path = chat ? "/v1/chat/completions" : "/v1/completions";
      server.Post(path, guarded(path, [this, chat](const httplib::Request& request, httplib::Response& response) {
                    complete(request, response, chat);
                  }));
    }
    // What httplib refuses by itself: unknown paths, bodies that are too large, malformed requests.
    server.set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty() || response.get_header_value("Content-Type") == "text/event-stream") return;
      const int status = response.status;
      const auto what = status == 404   ? std::string("there is nothing at this path")
                        : status == 413 ? fmt::format("the body is larger than {} bytes", options.body_bytes)
                                        : std::string("the request cannot be read");
      metrics.count_request("other", status, 0);
      set_document(response, status, ApiError(status, what).document());
    });
  }

  void listen() {
    socket_t listening = INVALID_SOCKET;
    server.set_socket_options([&](socket_t created) {
      httplib::default_socket_options(created);
      listening = created;
    });
    port =
        options.port == 0
            ? server.bind_to_any_port(options.host)
            : (server.bind_to_port(options.host, static_cast<int>(options.port)) ? static_cast<int>(options.port) : -1);
    if (port < 0) {
      throw UsageError(fmt::format("serve.host, serve.port: cannot listen at {}:{}", options.host, options.port));
    }
    // httplib keeps room for five connections that are not taken yet; the sixth of a burst would try again after a second.
    if (::listen(listening, SOMAXCONN) != 0) throw InternalError("the server's socket cannot listen");
    server.set_socket_options(httplib::default_socket_options);  // the function above ends here
    listener = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

LlmService::LlmService(ServedModel& model, const std::string& name, const ServeOptions& options, const std::string& key)
    : state_(std::make_unique<State>(model, name, options, key)) {
  state_->set_up();
  state_->listen();
}

LlmService::~LlmService() {
  state_->worker.stop();  // ends what the HTTP threads wait for
  state_->server.stop();
  if (state_->listener.joinable()) state_->listener.join();
}

int LlmService::port() const { return state_->port; }

bool LlmService::drain(double seconds) {
  state_->draining = true;
  const auto start = std::chrono::steady_clock::now();
  if (!state_->worker.drain(seconds)) return false;
  while (state_->open > 0) {  // finished answers that are being written
    if (seconds_since(start) > seconds) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

}  // namespace llama4rec::service

#include "llm/remote/remote_llm.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/digest.h"
#include "core/log.h"
#include "core/random.h"
#include "core/text.h"
#include "llm/remote/answer_parser.h"
#include "llm/remote/call_runner.h"
#include "llm/remote/constraint_probe.h"
#include "llm/remote/exchange.h"
#include "llm/remote/openai_protocol.h"
#include "llm/remote/server_model.h"

namespace llama4rec::llm {
namespace {

constexpr std::int64_t kDefaultContext = 4096;
/// Part of the fingerprint: raise it whenever the same options may give other requests or read answers otherwise.
constexpr int kProtocolVersion = 1;

/// What a question that is asked again ends with: at temperature 0 the same words would get the same answer.
std::string reminder(const AnswerGrammar& grammar) {
  if (grammar.kind == AnswerKind::kChoice) {
    return fmt::format("\nAnswer with exactly one of these, and nothing else: {}", text::join(grammar.options, " | "));
  }
  return fmt::format("\nAnswer with the candidates alone, each once, written as above and separated by \"{}\".",
                     grammar.separator);
}

}  // namespace

struct RemoteLlm::State {
  State(const RemoteOptions& given, std::uint64_t seed, std::unique_ptr<Transport> transport_given,
        std::unique_ptr<Clock> clock_given, std::string key_given)
      : options(given),
        key(std::move(key_given)),
        transport(std::move(transport_given)),
        clock(std::move(clock_given)),
        random(seed, "llm.remote"),
        endpoints(given.endpoints, backoff()),
        limiter(given.requests_per_minute, given.tokens_per_minute, clock->now()) {
    account.price_input = options.price_input;
    account.price_output = options.price_output;
    form = {.model = options.model,
            .chat = options.api == "chat",
            .temperature = options.temperature,
            .token_limit_field = options.token_limit_field,
            .system_prompt = options.system_prompt};
  }

  RemoteOptions options;
  std::string key;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Clock> clock;
  RandomStream random;
  EndpointPool endpoints;
  RateLimiter limiter;
  RemoteAccount account;
  RemoteDescription description;
  RequestForm form;
  std::string fingerprint;
  std::string described_models;          ///< what the servers say, part of the fingerprint
  std::optional<std::size_t> answering;  ///< the first endpoint that answers: the one that is probed
  bool native = false;                   ///< the servers are of this program

  [[nodiscard]] Backoff backoff() const { return {.first_s = options.backoff_s, .limit_s = options.backoff_limit_s}; }

  [[nodiscard]] std::int64_t estimate(std::size_t bytes) const {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(bytes) / options.bytes_per_token));
  }
  /// Of the prompt as it is sent; a message's own frame is some tokens.
  [[nodiscard]] std::int64_t estimate_prompt(const CompletionRequest& request) const {
    constexpr std::int64_t kFrame = 8;
    std::size_t bytes = options.system_prompt.size() + constraint_instruction(form.constraint, request.grammar).size();
    for (const auto& segment : request.prompt.segments) bytes += segment.size();
    return estimate(bytes) + kFrame;
  }

  /// Most tokens of an answer: what its options need, with room for another tokeniser's habits and a document's marks.
  [[nodiscard]] std::int64_t answer_limit(const CompletionRequest& request) const {
    const auto& grammar = request.grammar;
    if (grammar.kind == AnswerKind::kFreeText) return request.maximum_tokens;
    if (options.answer_tokens > 0) return options.answer_tokens;
    constexpr std::int64_t kRoom = 32;
    constexpr std::size_t kMarks = 6;  // bytes around an option in JSON
    std::size_t longest = 0;
    std::size_t all = 0;
    for (const auto& option : grammar.options) {
      longest = std::max(longest, option.size());
      all += option.size() + grammar.separator.size() + kMarks;
    }
    return kRoom + 2 * estimate(grammar.kind == AnswerKind::kChoice ? longest : all);
  }

  HttpResponse exchange_with(std::size_t endpoint, const std::string& path, const std::string& body) {
    const ExchangeOptions how{.retries = std::min<std::int64_t>(options.retries, 3), .backoff = backoff()};
    return exchange(*transport, *clock, endpoints.address(endpoint) + path, body, how, random, account);
  }

  void connect() {
    learn_model();
    learn_abilities();
    Digest digest(DigestKind::kSha256);
    digest.update(fmt::format("remote {}\n{}\n{}\n{}\n{}\n{}\n", kProtocolVersion, described_models, options.api,
                              description.constraint, options.temperature, options.system_prompt));
    fingerprint = digest.finish();
    log::info("remote model {} ({} API, {} endpoint(s)): answers bound by {}{}; {}; context {} tokens",
              description.model, options.api, endpoints.size(), description.constraint,
              description.probe.empty() ? "" : " (" + description.probe + ")",
              form.constraint == ConstraintKind::kNative ? "all log-probabilities"
              : description.alternatives > 0
                  ? fmt::format("log-probabilities of choices ({} alternatives)", description.alternatives)
                  : "no log-probabilities",
              description.context);
  }

  /// Which model it is: the same at every endpoint.
  void learn_model() {
    std::vector<ServerModel> found;
    std::string last_problem;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const auto response = exchange_with(i, "/models", "");
      constexpr long kOk = 200;
      if (response.status == 0 || worth_repeating(response.status) || response.status == 401 ||
          response.status == 403) {
        last_problem = fmt::format("{}: {}", endpoints.address(i),
                                   response.status == 0 ? response.failure
                                                        : fmt::format("status {}: {}", response.status,
                                                                      error_message(without_key(response.body, key))));
        if (response.status == 401 || response.status == 403) throw RemoteError(last_problem);
        log::warn("{}", last_problem);
        continue;
      }
      if (!answering) answering = i;
      if (response.status != kOk) continue;  // a server without a list of models
      const auto document = nlohmann::json::parse(response.body, nullptr, false);
      auto models = read_models(document);
      if (form.model.empty()) {
        if (models.size() != 1) {
          throw UsageError(fmt::format("llm.remote_model: {} has {} models, name the one to ask", endpoints.address(i),
                                       models.size()));
        }
        form.model = models.front().id;
      }
      const auto place =
          std::find_if(models.begin(), models.end(), [&](const auto& it) { return it.id == form.model; });
      if (place == models.end()) {
        log::warn("{} does not list the model {}", endpoints.address(i), form.model);
      } else {
        found.push_back(std::move(*place));
      }
    }
    if (!answering) throw RemoteError(last_problem);
    if (form.model.empty()) throw UsageError("llm.remote_model is empty and no endpoint lists its models");
    description.model = form.model;
    describe(found);
  }

  void describe(const std::vector<ServerModel>& found) {
    std::set<std::string> lines{"asked for: " + form.model};
    std::set<std::string> fingerprints;
    std::int64_t context = 0;
    for (const auto& it : found) {
      lines.insert(fmt::format("{} root {} {}", it.id, it.root, it.fingerprint));
      fingerprints.insert(it.fingerprint);
      if (it.context > 0) context = context == 0 ? it.context : std::min(context, it.context);
    }
    if (fingerprints.size() > 1) {
      throw UsageError(fmt::format("llm.endpoints: the servers have different models under the name {}", form.model));
    }
    native = !found.empty() && !found.front().fingerprint.empty();
    described_models = text::join({lines.begin(), lines.end()}, "\n");
    description.context = options.context > 0 ? options.context : (context > 0 ? context : kDefaultContext);
  }

  void learn_abilities() {
    const ProbeCall call = [this](const RequestForm& tried, const CompletionRequest& question) {
      return probe(tried, question);
    };
    if (const auto given = constraint_from(options.constraint)) {
      form.constraint = *given;
    } else if (native) {
      form.constraint = ConstraintKind::kNative;
      description.probe = "the server is llama4rec";
    } else {
      const auto result = probe_constraint(form, call);
      form.constraint = result.constraint;
      description.probe = result.found;
    }
    if (form.constraint == ConstraintKind::kNative && !native) {
      throw UsageError("llm.constraint: native needs servers of this program (llama4rec llm serve)");
    }
    description.constraint = to_string(form.constraint);
    if (form.constraint == ConstraintKind::kNative) return;
    description.alternatives = probe_log_probabilities(form, call);
    form.top_log_probabilities = description.alternatives;
  }

  std::optional<RemoteAnswer> probe(const RequestForm& tried, const CompletionRequest& question) {
    const auto limit = std::max<std::int64_t>(options.answer_tokens, 32);
    const auto response = exchange_with(*answering, request_path(tried), request_body(tried, question, limit));
    if (response.status == 401 || response.status == 403 || worth_repeating(response.status)) {
      throw RemoteError(fmt::format(
          "{}: {}", endpoints.address(*answering),
          response.status == 0
              ? response.failure
              : fmt::format("status {}: {}", response.status, error_message(without_key(response.body, key)))));
    }
    const auto document = nlohmann::json::parse(response.body, nullptr, false);
    if (response.status != 200 || !document.is_object()) {
      log::debug("probe of {}: status {}: {}", to_string(tried.constraint), response.status,
                 error_message(without_key(response.body, key)));
      return std::nullopt;
    }
    try {
      auto answer = read_answer(tried, question, document);
      (void)count_usage(answer, question);
      return answer;
    } catch (const DataError& problem) {
      log::debug("probe of {}: {}", to_string(tried.constraint), problem.what());
      return std::nullopt;
    }
  }

  /// Adds a response's tokens to the account; (prompt, answer).
  std::pair<std::int64_t, std::int64_t> count_usage(const RemoteAnswer& answer, const CompletionRequest& request) {
    const auto prompt = answer.prompt_tokens.value_or(estimate_prompt(request));
    const auto written = answer.answer_tokens.value_or(estimate(answer.text.size()));
    if (!answer.prompt_tokens || !answer.answer_tokens) ++account.estimated_usages;
    account.prompt_tokens += prompt;
    account.answer_tokens += written;
    return {prompt, written};
  }

  /// Nothing where the answer cannot be read.
  std::optional<Completion> read(const RemoteAnswer& answer, const CompletionRequest& request) {
    const auto& grammar = request.grammar;
    Completion completion;
    if (grammar.kind == AnswerKind::kFreeText) {
      if (answer.finish_reason == "content_filter") return std::nullopt;
      completion.text = answer.text;
      return completion;
    }
    ParsedAnswer parsed{.order = answer.order};
    if (form.constraint != ConstraintKind::kNative) parsed = parse_answer(grammar, answer.text);
    if (parsed.order.empty()) {
      log::debug("an answer cannot be read ({}, finish reason {}): {}", parsed.problem,
                 text::to_valid_utf8(answer.finish_reason), error_message(without_key(answer.text, key)));
      return std::nullopt;
    }
    if (parsed.repaired) ++account.repaired;
    completion.order = std::move(parsed.order);
    completion.text = canonical_answer(grammar, completion.order);
    completion.option_log_probabilities = answer.option_log_probabilities;
    completion.option_sequence_log_probabilities = answer.sequence_log_probabilities;
    return completion;
  }

  /// What stands in place of an answer that cannot be read.
  Completion give_up(const CompletionRequest& request) {
    Completion completion;
    if (request.grammar.kind == AnswerKind::kPermutation && options.on_failure != "drop") {
      completion.order.resize(request.grammar.options.size());
      std::iota(completion.order.begin(), completion.order.end(), 0);
      completion.text = canonical_answer(request.grammar, completion.order);
      completion.outcome = AnswerOutcome::kFallback;
      ++account.fallbacks;
    } else {  // one of several options has no conventional choice
      completion.outcome = AnswerOutcome::kDropped;
      ++account.dropped;
    }
    return completion;
  }
};

RemoteLlm::RemoteLlm(std::unique_ptr<State> state) : state_(std::move(state)) {}
RemoteLlm::~RemoteLlm() = default;

std::unique_ptr<RemoteLlm> RemoteLlm::connect(const RemoteOptions& options, std::uint64_t seed) {
  auto key = key_from_environment(options.key_variable);
  auto transport = std::make_unique<CurlTransport>(CurlTransportOptions{
      .timeout_s = options.timeout_s, .connect_timeout_s = options.connect_timeout_s, .key = std::move(key)});
  return connect(options, seed, std::move(transport), std::make_unique<SystemClock>());
}

std::unique_ptr<RemoteLlm> RemoteLlm::connect(const RemoteOptions& options, std::uint64_t seed,
                                              std::unique_ptr<Transport> transport, std::unique_ptr<Clock> clock) {
  auto state = std::make_unique<State>(options, seed, std::move(transport), std::move(clock),
                                       key_from_environment(options.key_variable));
  state->connect();
  return std::unique_ptr<RemoteLlm>(new RemoteLlm(std::move(state)));
}

std::vector<Completion> RemoteLlm::complete(std::span<const CompletionRequest> requests,
                                            const CompletionProgress& progress) {
  std::int64_t answered = 0;
  return complete_each(requests, [&](std::size_t, const Completion&) {
    ++answered;
    if (progress) progress(answered);
  });
}

std::vector<Completion> RemoteLlm::complete_each(std::span<const CompletionRequest> requests,
                                                 const CompletionArrival& arrived) {
  State& state = *state_;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto tokens = state.estimate_prompt(requests[i]);
    if (tokens >= state.description.context) {
      throw UsageError(fmt::format("request {}: about {} prompt tokens, the context holds {} (llm.remote_context)", i,
                                   tokens, state.description.context));
    }
  }
  state.account.questions += static_cast<std::int64_t>(requests.size());
  std::vector<Completion> completions(requests.size());
  std::map<std::size_t, std::int64_t> asked_again;
  const CallRunnerOptions how{.concurrency = state.options.concurrency,
                              .retries = state.options.retries,
                              .backoff = state.backoff(),
                              .retry_after_limit_s = state.options.retry_after_limit_s,
                              .key = state.key};
  CallRunner runner(*state.transport, *state.clock, state.endpoints, state.limiter, state.account, how, state.random);
  const auto make = [&](std::size_t i) {
    const auto& request = requests[i];
    const auto prompt = state.estimate_prompt(request);
    const auto limit =
        std::max<std::int64_t>(1, std::min(state.answer_limit(request), state.description.context - prompt));
    RemoteCall call{.path = request_path(state.form), .estimated_tokens = prompt + limit};
    if (asked_again.contains(i) && request.grammar.kind != AnswerKind::kFreeText) {
      CompletionRequest reminded = request;
      reminded.prompt.segments.push_back(reminder(request.grammar));
      call.body = request_body(state.form, reminded, limit);
    } else {
      call.body = request_body(state.form, request, limit);
    }
    return call;
  };
  const auto take = [&](std::size_t i, const nlohmann::json& document) {
    const auto answer = read_answer(state.form, requests[i], document);
    const auto [prompt_tokens, answer_tokens] = state.count_usage(answer, requests[i]);
    const Verdict done{.tokens = prompt_tokens + answer_tokens};
    auto completion = state.read(answer, requests[i]);
    if (completion) {
      ++state.account.answered;
    } else {
      ++state.account.unparsable;
      if (state.options.on_failure == "retry" && asked_again[i] < state.options.answer_retries) {
        ++asked_again[i];
        ++state.account.asked_again;
        return Verdict{.ask_again = true, .tokens = done.tokens};
      }
      completion = state.give_up(requests[i]);
    }
    completion->prompt_tokens = prompt_tokens;
    completion->answer_tokens = answer_tokens;
    completions[i] = std::move(*completion);
    if (arrived) arrived(i, completions[i]);
    return done;
  };
  try {
    runner.run(requests.size(), make, take);
  } catch (...) {
    log::info("remote model {}: {}", state.description.model, state.account.line());
    throw;
  }
  log::info("remote model {}: {}", state.description.model, state.account.line());
  return completions;
}

OptionProbabilities RemoteLlm::option_probabilities() const {
  if (state_->form.constraint == ConstraintKind::kNative) return OptionProbabilities::kAll;
  return state_->description.alternatives > 0 ? OptionProbabilities::kChoices : OptionProbabilities::kNone;
}

std::int64_t RemoteLlm::count_tokens(const std::string& segment) const { return state_->estimate(segment.size()); }
std::int64_t RemoteLlm::context_length() const { return state_->description.context; }
std::string RemoteLlm::fingerprint() const { return state_->fingerprint; }
const RemoteAccount& RemoteLlm::account() const { return state_->account; }
const RemoteDescription& RemoteLlm::description() const { return state_->description; }

}  // namespace llama4rec::llm

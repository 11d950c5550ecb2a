// `llm serve`: a model behind the OpenAI API.
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "apps/llm_commands.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "llm/embedded_llm.h"
#include "llm/remote/transport.h"
#include "service/llm_service.h"
#include "tensor/torch.h"

namespace llama4rec::apps {
namespace {

struct ServeFlags {
  std::string model;
  std::string name;
  std::string host;
  std::string port;
};

/// Serves until a signal; then what runs is finished, until a second one.
[[noreturn]] void serve_until_stopped(service::LlmService& service) {
  constexpr double kTick = 0.05;
  while (!interrupt_requested()) std::this_thread::sleep_for(std::chrono::duration<double>(kTick));
  request_interrupt(false);  // the model looks at it too, and shall finish
  log::info("stopping: what runs is finished, new requests are refused; a second signal stops at once");
  while (!service.drain(kTick) && !interrupt_requested()) {
  }
  const bool at_once = interrupt_requested();
  request_interrupt(true);  // ends what is still running
  throw InterruptedError(at_once ? "llm serve: stopped at once" : "llm serve: stopped, every request was answered");
}

void serve(Context& context, const ServeFlags& flags) {
  auto configuration = context.load_configuration();
  if (!flags.host.empty()) configuration.set("serve.host", flags.host, "--host");
  if (!flags.port.empty()) configuration.set("serve.port", flags.port, "--port");
  const auto options = configuration.read<service::ServeOptions>();
  const auto key = llm::key_from_environment(options.key_variable);
  const auto model =
      llm::EmbeddedLlm::load(flags.model, tensor::parse_device(configuration.read<RuntimeOptions>().device),
                             configuration.read<llm::ChatOptions>());
  model->set_engine(configuration.read<llm::EngineOptions>());
  const auto served = service::serve_embedded(*model);
  const auto folder = std::filesystem::weakly_canonical(flags.model);
  const auto name = flags.name.empty() ? folder.filename().string() : flags.name;
  service::LlmService service(*served, name, options, key);
  if (key.empty() && !service::is_loopback(options.host)) {
    log::warn("whoever reaches {} can use the model: set a key in {}", options.host, options.key_variable);
  }
  log::info("serving {} at http://{}:{}/v1, {}", name,
            options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]", service.port(),
            key.empty() ? "without a key" : "with a key");
  serve_until_stopped(service);
}

}  // namespace

void add_llm_serve_command(CLI::App& group, Context& context) {
  auto* command = group.add_subcommand("serve", "Serve a model with the OpenAI API (docs/remote.md)");
  auto flags = std::make_shared<ServeFlags>();
  command->add_option("--model", flags->model, "The model's folder")->required()->type_name("DIR");
  command->add_option("--name", flags->name, "The model's name for clients; the folder's where missing");
  command->add_option("--host", flags->host, "Address to listen at (serve.host)")->type_name("ADDRESS");
  command->add_option("--port", flags->port, "Port to listen at (serve.port); 0 = a free one")->type_name("N");
  command->callback([&context, flags] { serve(context, *flags); });
}

}  // namespace llama4rec::apps

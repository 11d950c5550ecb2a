#include "service/serve_options.h"

namespace llama4rec::service {

void ServeOptions::declare(config::OptionVisitor& visit) {
  visit.option("serve.host", host, config::anything(),
               "Address to listen at. Anything but the loopback address lets others in: set a key.");
  visit.option("serve.port", port, config::between(0, 65535), "Port to listen at; 0 = a free one, which is logged.");
  visit.option("serve.key_variable", key_variable, config::anything(),
               "The environment variable that holds the key that clients must send; unset: no key is asked for.");
  visit.option("serve.body_bytes", body_bytes, config::between(1024, 1 << 30),
               "Largest request; larger ones get status 413.");
  visit.option("serve.prompt_tokens", prompt_tokens, config::between(0, 1e9),
               "Longest prompt; longer ones get status 400. 0 = what the model's context holds.");
  visit.option("serve.answer_tokens", answer_tokens, config::between(1, 1e9),
               "Most tokens that a request may ask for.");
  visit.option("serve.queue", queue, config::between(1, 1000),
               "Requests that may wait for the model; more get status 429.");
  visit.option("serve.batch", batch, config::between(1, 1000), "Most requests that the model answers at once.");
}

}  // namespace llama4rec::service

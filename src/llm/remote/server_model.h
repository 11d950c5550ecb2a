// What servers say of their models (GET /models).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace llama4rec::llm {

struct ServerModel {
  std::string id;
  std::string owner;         ///< "owned_by"
  std::string root;          ///< vLLM: the checkpoint that it was loaded from
  std::string fingerprint;   ///< llama4rec llm serve: of the weights; empty elsewhere
  std::int64_t context = 0;  ///< vLLM and llama4rec: "max_model_len"; 0 = not told
};

/// The models of a list; what is malformed is left out.
std::vector<ServerModel> read_models(const nlohmann::json& document);

}  // namespace llama4rec::llm

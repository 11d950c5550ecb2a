// Options of a whole run of the method.
#pragma once

#include <cstdint>
#include <string>

#include "config/options.h"

namespace llama4rec::pipeline {

struct RunOptions {
  std::string data_name = "ml-100k";
  bool data_fetch = false;
  std::string data_fallback;
  std::string backbone = "lightgcn";
  std::string second_backbone = "mf";
  std::string second_rating_backbone = "als";
  std::string profiles = "configs";
  std::int64_t repeats = 1;
  std::int64_t rounds = 1;
  bool controls = true;
  std::string directory = "runs";
  std::string profile;
  std::string augmentation_prompts = "plain";
  std::string refit = "anew";
  std::string llm_kind = "embedded";
  std::string llm_checkpoint;

  [[nodiscard]] bool remote() const { return llm_kind == "remote"; }
  [[nodiscard]] bool checkpoint() const { return llm_kind == "checkpoint"; }

  void declare(config::OptionVisitor& visit);
};

}  // namespace llama4rec::pipeline

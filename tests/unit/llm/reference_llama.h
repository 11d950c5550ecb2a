// An independent LLaMA in plain scalar float64 code, written from the architecture's description for the tests alone:
// one sequence, no cache, no blocks, weights by their Hugging Face names.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "llm/model_config.h"
#include "tensor/torch.h"

namespace llama4rec::llm::testing {

using Vector = std::vector<double>;

class ReferenceLlama {
 public:
  ReferenceLlama(const ModelConfig& config, const std::map<std::string, torch::Tensor>& tensors)
      : config_(config), tensors_(tensors) {}

  /// log P(. | tokens[0..i]) for every position i.
  [[nodiscard]] std::vector<Vector> log_probabilities(const std::vector<std::int32_t>& tokens) const {
    std::vector<Vector> x;
    for (const auto token : tokens) x.push_back(row("model.embed_tokens.weight", token));
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      const auto prefix = "model.layers." + std::to_string(layer) + ".";
      attention(prefix, x);
      for (auto& state : x) feed_forward(prefix, state);
    }
    std::vector<Vector> result;
    const std::string head = config_.tied ? "model.embed_tokens.weight" : "lm_head.weight";
    for (const auto& state : x) {
      auto logits = multiply(head, norm("model.norm.weight", state));
      double sum = 0;
      for (const double logit : logits) sum += std::exp(logit);
      for (double& logit : logits) logit -= std::log(sum);
      result.push_back(logits);
    }
    return result;
  }

  /// log P of tokens[1..], one by one.
  [[nodiscard]] Vector score(const std::vector<std::int32_t>& tokens) const {
    const auto all = log_probabilities(tokens);
    Vector scores;
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      scores.push_back(all[i - 1][static_cast<std::size_t>(tokens[i])]);
    }
    return scores;
  }

 private:
  [[nodiscard]] Vector row(const std::string& name, std::int64_t index) const {
    const auto& tensor = tensors_.at(name);
    const auto width = tensor.size(1);
    const float* data = tensor.data_ptr<float>() + index * width;
    return {data, data + width};
  }

  [[nodiscard]] Vector multiply(const std::string& name, const Vector& x) const {
    const auto& matrix = tensors_.at(name);
    Vector y(static_cast<std::size_t>(matrix.size(0)), 0.0);
    const float* data = matrix.data_ptr<float>();
    for (auto& value : y) {
      for (const double input : x) value += static_cast<double>(*data++) * input;
    }
    return y;
  }

  [[nodiscard]] Vector project(const std::string& name, const Vector& x) const {
    auto y = multiply(name + ".weight", x);
    const auto bias = tensors_.find(name + ".bias");
    if (bias == tensors_.end()) return y;
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += static_cast<double>(bias->second.data_ptr<float>()[i]);
    return y;
  }

  /// Hugging Face's "llama3": how many turns a dimension makes in the original context decides.
  [[nodiscard]] double scaled(double angle_per_token) const {
    const auto& it = config_.rope_scaling;
    const double turns = static_cast<double>(it.original_context) * angle_per_token / (2 * M_PI);
    if (it.factor == 1 || turns > it.high_frequency_factor) return angle_per_token;
    if (turns < it.low_frequency_factor) return angle_per_token / it.factor;
    const double smooth = (turns - it.low_frequency_factor) / (it.high_frequency_factor - it.low_frequency_factor);
    return angle_per_token * ((1 - smooth) / it.factor + smooth);
  }

  [[nodiscard]] Vector norm(const std::string& name, const Vector& x) const {
    double squares = 0;
    for (const double value : x) squares += value * value;
    const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + config_.norm_epsilon);
    Vector y = x;
    const float* weight = tensors_.at(name).data_ptr<float>();
    for (auto& value : y) value *= scale * static_cast<double>(*weight++);
    return y;
  }

  /// Hugging Face's rotate_half: dimension i turns with dimension i + d / 2.
  void rotate(Vector& x, std::size_t heads, double position) const {
    const auto d = static_cast<std::size_t>(config_.head_dimension());
    for (std::size_t head = 0; head < heads; ++head) {
      for (std::size_t i = 0; i < d / 2; ++i) {
        const double angle =
            position * scaled(std::pow(config_.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(d)));
        double& a = x[head * d + i];
        double& b = x[head * d + i + d / 2];
        const double first = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = first;
      }
    }
  }

  void attention(const std::string& prefix, std::vector<Vector>& x) const {
    const auto d = static_cast<std::size_t>(config_.head_dimension());
    const auto heads = static_cast<std::size_t>(config_.heads);
    const auto kv_heads = static_cast<std::size_t>(config_.key_value_heads);
    std::vector<Vector> q, k, v;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const auto y = norm(prefix + "input_layernorm.weight", x[t]);
      q.push_back(project(prefix + "self_attn.q_proj", y));
      k.push_back(project(prefix + "self_attn.k_proj", y));
      v.push_back(project(prefix + "self_attn.v_proj", y));
      rotate(q.back(), heads, static_cast<double>(t));
      rotate(k.back(), kv_heads, static_cast<double>(t));
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
      Vector mixed(heads * d, 0.0);
      for (std::size_t head = 0; head < heads; ++head) {
        const auto kv = head / (heads / kv_heads);
        Vector weights;
        double sum = 0;
        for (std::size_t s = 0; s <= t; ++s) {
          double score = 0;
          for (std::size_t i = 0; i < d; ++i) score += q[t][head * d + i] * k[s][kv * d + i];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
          sum += weights.back();
        }
        for (std::size_t s = 0; s <= t; ++s) {
          for (std::size_t i = 0; i < d; ++i) mixed[head * d + i] += weights[s] / sum * v[s][kv * d + i];
        }
      }
      const auto out = multiply(prefix + "self_attn.o_proj.weight", mixed);
      for (std::size_t i = 0; i < out.size(); ++i) x[t][i] += out[i];
    }
  }

  void feed_forward(const std::string& prefix, Vector& x) const {
    const auto y = norm(prefix + "post_attention_layernorm.weight", x);
    auto gate = multiply(prefix + "mlp.gate_proj.weight", y);
    const auto up = multiply(prefix + "mlp.up_proj.weight", y);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    const auto out = multiply(prefix + "mlp.down_proj.weight", gate);
    for (std::size_t i = 0; i < out.size(); ++i) x[i] += out[i];
  }

  ModelConfig config_;
  const std::map<std::string, torch::Tensor>& tensors_;
};

}  // namespace llama4rec::llm::testing

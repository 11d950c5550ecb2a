// Scaled dot-product attention with grouped key/value heads: causal for training, over token trees and caches for reading.
#pragma once

#include <cstdint>

#include "llm/rotary.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// How the columns of the joint projection are laid out: query heads, key heads, value heads.
struct HeadLayout {
  std::int64_t heads = 0;
  std::int64_t key_value_heads = 0;
  std::int64_t dimension = 0;

  [[nodiscard]] std::int64_t query_size() const { return heads * dimension; }
  [[nodiscard]] std::int64_t key_value_size() const { return key_value_heads * dimension; }
  [[nodiscard]] std::int64_t joint_size() const { return query_size() + 2 * key_value_size(); }
  [[nodiscard]] std::int64_t group() const { return heads / key_value_heads; }
};

/// Training: causal attention within each sequence, rotary embedding included (position = place in the sequence).
/// qkv [batch * length, joint size] -> [batch * length, query size]. One autograd node on the CPU; library_attention on other devices.
torch::Tensor causal_attention(const torch::Tensor& qkv, std::int64_t batch, std::int64_t length,
                               const HeadLayout& layout, const RotaryTable& rotary);

/// Which keys a query sees. Keys stand in slots. A query in slot s sees slot j when j <= s and s < key_end[j]: with tokens in
/// depth-first order and key_end = the end of each token's subtree, that is "its ancestors and itself".
struct Visibility {
  torch::Tensor query_slots;  ///< [batch, queries] int32
  torch::Tensor key_ends;     ///< [batch, keys] int32; undefined: no end (a plain sequence)
};

/// Reading, outside autograd. queries [batch, queries, query size] and keys [batch, keys, key/value size] already rotated,
/// values [batch, keys, key/value size] -> [batch, queries, query size]. Every query must see at least its own slot.
torch::Tensor visible_attention(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& values,
                                const HeadLayout& layout, const Visibility& visibility);

/// softmax(q k' / sqrt(d)) v by libtorch's own operation, which is a fused kernel on GPUs from libtorch 2.0 on; inside autograd. q, k, v [batch,
/// heads, tokens, d]; `seen` [.., queries, keys] bool, or undefined for causal attention of equally many queries and keys.
torch::Tensor library_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                                const torch::Tensor& seen);

}  // namespace llama4rec::llm

#include "llm/attention.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "llm/layers.h"
#include "llm/simd_math.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Queries that are treated at a time, so that their scores stay in the cache and what a block cannot see is skipped.
constexpr std::int64_t kQueryBlock = 128;

/// Copies columns [column, column + width) of `rows` rows between matrices of different row lengths.
void copy_columns(const float* from, std::int64_t from_stride, float* to, std::int64_t to_stride, std::int64_t rows,
                  std::int64_t width) {
  for (std::int64_t row = 0; row < rows; ++row) {
    std::memcpy(to + row * to_stride, from + row * from_stride, static_cast<std::size_t>(width) * sizeof(float));
  }
}

/// The first `rows` rows and `columns` columns of a scratch matrix, contiguous.
Tensor corner(const Tensor& scratch, std::int64_t rows, std::int64_t columns) {
  return scratch.narrow(0, 0, rows * columns).view({rows, columns});
}

/// In place: scores [rows, keys] of queries first, first + 1, ... become probabilities; later keys get 0. Writes the rows'
/// log-sums.
void causal_softmax(float* scores, std::int64_t rows, std::int64_t keys, std::int64_t first, float scale,
                    float* log_sums) {
  for (std::int64_t row = 0; row < rows; ++row) {
    float* s = scores + row * keys;
    const auto seen = first + row + 1;
    simd::scale(s, scale, seen);
    const float top = simd::maximum(s, seen);
    const float sum = simd::exponentiate(s, top, seen);
    simd::scale(s, 1.0F / sum, seen);
    std::fill(s + seen, s + keys, 0.0F);
    log_sums[row] = top + std::log(sum);
  }
}

/// One sequence and one key/value head at a time: everything it needs lies in the cache.
struct CausalAttention : Function<CausalAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& input, std::int64_t batch, std::int64_t length,
                        const HeadLayout& layout, const RotaryTable& rotary) {
    auto qkv = input.clone();
    const auto positions = torch::arange(length, torch::kInt64).repeat({batch});
    rotary.rotate(qkv, positions, layout.heads + layout.key_value_heads, 1);
    auto out = torch::empty({batch * length, layout.query_size()}, qkv.options());
    auto sums = torch::empty({batch, layout.heads, length}, qkv.options());
    const float scale = 1.0F / std::sqrt(static_cast<float>(layout.dimension));
    const auto joint = layout.joint_size();
    const auto d = layout.dimension;
    at::parallel_for(0, batch * layout.key_value_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      const torch::NoGradGuard no_grad;
      const auto options = qkv.options().requires_grad(false);
      auto q = torch::empty({length, d}, options);
      auto k = torch::empty({length, d}, options);
      auto v = torch::empty({length, d}, options);
      auto o = torch::empty({length, d}, options);
      const auto scratch = torch::empty({std::min(kQueryBlock, length) * length}, options);
      for (std::int64_t task = begin; task < end; ++task) {
        const auto b = task / layout.key_value_heads;
        const auto kv = task % layout.key_value_heads;
        const float* base = qkv.data_ptr<float>() + b * length * joint;
        copy_columns(base + layout.query_size() + kv * d, joint, k.data_ptr<float>(), d, length, d);
        copy_columns(base + layout.query_size() + layout.key_value_size() + kv * d, joint, v.data_ptr<float>(), d,
                     length, d);
        for (std::int64_t h = kv * layout.group(); h < (kv + 1) * layout.group(); ++h) {
          copy_columns(base + h * d, joint, q.data_ptr<float>(), d, length, d);
          float* log_sums = sums.data_ptr<float>() + (b * layout.heads + h) * length;
          for (std::int64_t first = 0; first < length; first += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, length - first);
            const auto keys = first + rows;
            auto p = corner(scratch, rows, keys);
            torch::mm_out(p, q.narrow(0, first, rows), k.narrow(0, 0, keys).t());
            causal_softmax(p.data_ptr<float>(), rows, keys, first, scale, log_sums + first);
            auto o_part = o.narrow(0, first, rows);
            torch::mm_out(o_part, p, v.narrow(0, 0, keys));
          }
          copy_columns(o.data_ptr<float>(), d, out.data_ptr<float>() + b * length * layout.query_size() + h * d,
                       layout.query_size(), length, d);
        }
      }
    });
    context->save_for_backward({qkv, out, sums, positions});
    context->saved_data["batch"] = batch;
    context->saved_data["heads"] = layout.heads;
    context->saved_data["key_value_heads"] = layout.key_value_heads;
    context->saved_data["rotary"] = reinterpret_cast<std::int64_t>(&rotary);
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& qkv = saved[0];
    const auto& out = saved[1];
    const auto& sums = saved[2];
    const auto gradient = gradients[0].contiguous();
    const auto batch = context->saved_data["batch"].toInt();
    const auto length = qkv.size(0) / batch;
    const auto heads = context->saved_data["heads"].toInt();
    const HeadLayout layout{.heads = heads,
                            .key_value_heads = context->saved_data["key_value_heads"].toInt(),
                            .dimension = out.size(1) / heads};
    const auto& rotary = *reinterpret_cast<const RotaryTable*>(context->saved_data["rotary"].toInt());
    const float scale = 1.0F / std::sqrt(static_cast<float>(layout.dimension));
    const auto joint = layout.joint_size();
    const auto d = layout.dimension;
    auto dqkv = torch::empty_like(qkv);
    at::parallel_for(0, batch * layout.key_value_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      const torch::NoGradGuard no_grad;
      const auto options = qkv.options().requires_grad(false);
      auto q = torch::empty({length, d}, options);
      auto k = torch::empty({length, d}, options);
      auto v = torch::empty({length, d}, options);
      auto go = torch::empty({length, d}, options);
      auto dq = torch::empty({length, d}, options);
      auto dk = torch::empty({length, d}, options);
      auto dv = torch::empty({length, d}, options);
      std::vector<float> inner(static_cast<std::size_t>(length));
      const auto block = std::min(kQueryBlock, length);
      const auto scratch_p = torch::empty({block * length}, options);
      const auto scratch_dp = torch::empty({block * length}, options);
      for (std::int64_t task = begin; task < end; ++task) {
        const auto b = task / layout.key_value_heads;
        const auto kv = task % layout.key_value_heads;
        const float* base = qkv.data_ptr<float>() + b * length * joint;
        float* dbase = dqkv.data_ptr<float>() + b * length * joint;
        const auto k_column = layout.query_size() + kv * d;
        const auto v_column = k_column + layout.key_value_size();
        copy_columns(base + k_column, joint, k.data_ptr<float>(), d, length, d);
        copy_columns(base + v_column, joint, v.data_ptr<float>(), d, length, d);
        dk.zero_();
        dv.zero_();
        for (std::int64_t h = kv * layout.group(); h < (kv + 1) * layout.group(); ++h) {
          copy_columns(base + h * d, joint, q.data_ptr<float>(), d, length, d);
          const float* o_base = out.data_ptr<float>() + b * length * layout.query_size() + h * d;
          const float* g_base = gradient.data_ptr<float>() + b * length * layout.query_size() + h * d;
          copy_columns(g_base, layout.query_size(), go.data_ptr<float>(), d, length, d);
          for (std::int64_t row = 0; row < length; ++row) {
            inner[static_cast<std::size_t>(row)] =
                simd::dot(o_base + row * layout.query_size(), g_base + row * layout.query_size(), d);
          }
          const float* log_sums = sums.data_ptr<float>() + (b * layout.heads + h) * length;
          for (std::int64_t first = 0; first < length; first += kQueryBlock) {
            const auto rows = std::min(kQueryBlock, length - first);
            const auto keys = first + rows;
            auto p = corner(scratch_p, rows, keys);
            auto dp = corner(scratch_dp, rows, keys);
            const auto q_part = q.narrow(0, first, rows);
            const auto go_part = go.narrow(0, first, rows);
            torch::mm_out(p, q_part, k.narrow(0, 0, keys).t());
            torch::mm_out(dp, go_part, v.narrow(0, 0, keys).t());
            for (std::int64_t row = 0; row < rows; ++row) {
              float* pr = p.data_ptr<float>() + row * keys;
              float* dr = dp.data_ptr<float>() + row * keys;
              const auto seen = first + row + 1;
              const float shift = log_sums[first + row];
              const float mean = inner[static_cast<std::size_t>(first + row)];
#pragma omp simd
              for (std::int64_t j = 0; j < seen; ++j) {
                pr[j] = simd::exponential(pr[j] * scale - shift);
                dr[j] = pr[j] * (dr[j] - mean) * scale;
              }
              std::fill(pr + seen, pr + keys, 0.0F);
              std::fill(dr + seen, dr + keys, 0.0F);
            }
            auto dq_part = dq.narrow(0, first, rows);
            torch::mm_out(dq_part, dp, k.narrow(0, 0, keys));
            dk.narrow(0, 0, keys).addmm_(dp.t(), q_part);
            dv.narrow(0, 0, keys).addmm_(p.t(), go_part);
          }
          copy_columns(dq.data_ptr<float>(), d, dbase + h * d, joint, length, d);
        }
        copy_columns(dk.data_ptr<float>(), d, dbase + k_column, joint, length, d);
        copy_columns(dv.data_ptr<float>(), d, dbase + v_column, joint, length, d);
      }
    });
    rotary.rotate(dqkv, saved[3], layout.heads + layout.key_value_heads, -1);
    return {dqkv, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

/// [batch, tokens, heads * d] -> [batch, heads, tokens, d], each key/value head repeated for its group.
Tensor by_head(const Tensor& x, std::int64_t heads, std::int64_t repeats) {
  auto split = x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
  return repeats == 1 ? split : split.repeat_interleave(repeats, 1);
}

/// The definition, step by step. As library_attention.
Tensor composed_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& seen) {
  auto hidden = seen.defined() ? seen.logical_not()
                               : torch::ones({q.size(2), k.size(2)}, q.options().dtype(torch::kBool)).triu(1);
  const auto scores = (torch::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3))))
                          .masked_fill(hidden, -std::numeric_limits<float>::infinity());
  return torch::matmul(torch::softmax(scores, -1), v);
}

/// Without own kernels: libtorch's on another device, the definition where the tests ask for it.
Tensor attention_of_heads(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& seen) {
  return q.device().is_cpu() ? composed_attention(q, k, v, seen) : library_attention(q, k, v, seen);
}

Tensor composed_causal(const Tensor& qkv, std::int64_t batch, std::int64_t length, const HeadLayout& layout,
                       const RotaryTable& rotary) {
  const auto positions =
      torch::arange(length, torch::TensorOptions().dtype(torch::kInt64).device(qkv.device())).repeat({batch});
  const auto parts = qkv.view({batch * length, layout.heads + 2 * layout.key_value_heads, layout.dimension})
                         .split_with_sizes({layout.heads, layout.key_value_heads, layout.key_value_heads}, 1);
  const auto rows = [&](const Tensor& x) { return x.reshape({batch, length, -1}); };
  const auto q = by_head(rows(rotary.rotated(parts[0], positions)), layout.heads, 1);
  const auto k = by_head(rows(rotary.rotated(parts[1], positions)), layout.key_value_heads, layout.group());
  const auto v = by_head(rows(parts[2]), layout.key_value_heads, layout.group());
  return attention_of_heads(q, k, v, Tensor()).transpose(1, 2).reshape({batch * length, layout.query_size()});
}

Tensor composed_visible(const Tensor& queries, const Tensor& keys, const Tensor& values, const HeadLayout& layout,
                        const Visibility& visibility) {
  const auto slots = visibility.query_slots.to(queries.device()).unsqueeze(2);  // [batch, queries, 1]
  const auto key_slots = torch::arange(keys.size(1), slots.options()).view({1, 1, -1});
  auto seen = key_slots <= slots;
  if (visibility.key_ends.defined()) {
    seen = seen & (slots < visibility.key_ends.to(queries.device()).unsqueeze(1));
  }
  const auto q = by_head(queries, layout.heads, 1);
  const auto k = by_head(keys, layout.key_value_heads, layout.group());
  const auto v = by_head(values, layout.key_value_heads, layout.group());
  return attention_of_heads(q, k, v, seen.unsqueeze(1))
      .transpose(1, 2)
      .reshape({queries.size(0), queries.size(1), layout.query_size()});
}

/// In place: one query's scores [keys] become probabilities over the slots that it sees.
void visible_softmax(float* scores, std::int64_t keys, std::int32_t slot, const std::int32_t* ends, float scale) {
  const auto reach = std::min<std::int64_t>(keys, slot + 1);
  if (ends != nullptr) {
#pragma omp simd
    for (std::int64_t j = 0; j < reach; ++j) {
      scores[j] = ends[j] > slot ? scores[j] * scale : -std::numeric_limits<float>::infinity();
    }
  } else {
    simd::scale(scores, scale, reach);
  }
  const float top = simd::maximum(scores, reach);
  const float sum = simd::exponentiate(scores, top, reach);
  simd::scale(scores, 1.0F / sum, reach);
  std::fill(scores + reach, scores + keys, 0.0F);
}

}  // namespace

Tensor library_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& seen) {
  const auto mask = seen.defined() ? c10::optional<Tensor>(seen) : c10::nullopt;
#if TORCH_VERSION_MAJOR >= 2
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, !seen.defined());
#else
  return std::get<0>(at::_scaled_dot_product_attention(q, k, v, mask, 0.0, false, !seen.defined()));
#endif
}

Tensor causal_attention(const Tensor& qkv, std::int64_t batch, std::int64_t length, const HeadLayout& layout,
                        const RotaryTable& rotary) {
  if (use_fused(qkv)) return CausalAttention::apply(qkv.contiguous(), batch, length, layout, rotary);
  return composed_causal(qkv, batch, length, layout, rotary);
}

Tensor visible_attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const HeadLayout& layout,
                         const Visibility& visibility) {
  if (!use_fused(queries)) return composed_visible(queries, keys, values, layout, visibility);
  const auto batch = queries.size(0);
  const auto length = queries.size(1);
  const auto key_count = keys.size(1);
  const auto d = layout.dimension;
  const float scale = 1.0F / std::sqrt(static_cast<float>(d));
  auto out = torch::empty({batch, length, layout.query_size()}, queries.options());
  const std::int32_t* all_slots = visibility.query_slots.data_ptr<std::int32_t>();
  const std::int32_t* all_ends = visibility.key_ends.defined() ? visibility.key_ends.data_ptr<std::int32_t>() : nullptr;
  at::parallel_for(0, batch * layout.key_value_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_grad;
    const auto options = queries.options();
    const auto k_scratch = torch::empty({key_count * d}, options);
    const auto v_scratch = torch::empty({key_count * d}, options);
    const auto block = std::min(kQueryBlock, length) * layout.group();
    const auto q_scratch = torch::empty({block * d}, options);
    const auto o_scratch = torch::empty({block * d}, options);
    const auto p_scratch = torch::empty({block * key_count}, options);
    for (std::int64_t task = begin; task < end; ++task) {
      const auto b = task / layout.key_value_heads;
      const auto kv = task % layout.key_value_heads;
      const std::int32_t* slots = all_slots + b * length;
      const std::int32_t* ends = all_ends == nullptr ? nullptr : all_ends + b * key_count;
      const auto reach_of = [&](std::int64_t from, std::int64_t to) {
        return std::min<std::int64_t>(key_count, *std::max_element(slots + from, slots + to) + 1);
      };
      const auto used = reach_of(0, length);
      const auto kv_stride = layout.key_value_size();
      copy_columns(keys.data_ptr<float>() + b * key_count * kv_stride + kv * d, kv_stride, k_scratch.data_ptr<float>(),
                   d, used, d);
      copy_columns(values.data_ptr<float>() + b * key_count * kv_stride + kv * d, kv_stride,
                   v_scratch.data_ptr<float>(), d, used, d);
      for (std::int64_t first = 0; first < length; first += kQueryBlock) {
        const auto tokens = std::min(kQueryBlock, length - first);
        const auto reach = reach_of(first, first + tokens);
        const auto rows = tokens * layout.group();
        // The heads of a group stand below each other.
        for (std::int64_t g = 0; g < layout.group(); ++g) {
          copy_columns(
              queries.data_ptr<float>() + (b * length + first) * layout.query_size() + (kv * layout.group() + g) * d,
              layout.query_size(), q_scratch.data_ptr<float>() + g * tokens * d, d, tokens, d);
        }
        auto p = corner(p_scratch, rows, reach);
        torch::mm_out(p, corner(q_scratch, rows, d), corner(k_scratch, reach, d).t());
        for (std::int64_t row = 0; row < rows; ++row) {
          visible_softmax(p.data_ptr<float>() + row * reach, reach, slots[first + row % tokens], ends, scale);
        }
        auto o = corner(o_scratch, rows, d);
        torch::mm_out(o, p, corner(v_scratch, reach, d));
        for (std::int64_t g = 0; g < layout.group(); ++g) {
          copy_columns(
              o_scratch.data_ptr<float>() + g * tokens * d, d,
              out.data_ptr<float>() + (b * length + first) * layout.query_size() + (kv * layout.group() + g) * d,
              layout.query_size(), tokens, d);
        }
      }
    }
  });
  return out;
}

}  // namespace llama4rec::llm

// The matrices that adapters can be made for. Free of libtorch.
#pragma once

#include <array>
#include <cstdint>

namespace llama4rec::llm {

/// The matrices of a block that can have an adapter, in the order of `kAdapterTargets`.
enum class AdapterTarget : std::uint8_t { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };

struct AdapterTargetName {
  AdapterTarget target;
  const char* module;  ///< as in checkpoints: "self_attn.q_proj"
  const char* name;    ///< as in options: "q_proj"
};
inline constexpr std::array<AdapterTargetName, 7> kAdapterTargets{{
    {AdapterTarget::kQuery, "self_attn.q_proj", "q_proj"},
    {AdapterTarget::kKey, "self_attn.k_proj", "k_proj"},
    {AdapterTarget::kValue, "self_attn.v_proj", "v_proj"},
    {AdapterTarget::kOutput, "self_attn.o_proj", "o_proj"},
    {AdapterTarget::kGate, "mlp.gate_proj", "gate_proj"},
    {AdapterTarget::kUp, "mlp.up_proj", "up_proj"},
    {AdapterTarget::kDown, "mlp.down_proj", "down_proj"},
}};

}  // namespace llama4rec::llm

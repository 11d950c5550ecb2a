// A model's weights, gradients and optimiser state in flat pieces, shared out over processes (ZeRO, Rajbhandari et al., 2020).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "llm/adamw.h"
#include "llm/transformer.h"
#include "tensor/parallel/world.h"
#include "tensor/torch.h"

namespace llama4rec::llm {

/// What each process holds of its own part only.
enum class ZeroStage : std::uint8_t {
  kNothing = 0,
  kOptimiserState = 1,
  kGradients = 2,  ///< and the optimiser's state
  kWeights = 3,    ///< and all of that
};

/// Tensors that are gathered and released together.
struct UnitMembers {
  std::string name;
  std::vector<std::pair<std::string, torch::Tensor>> trainable;
  std::vector<std::pair<std::string, torch::Tensor>> frozen;
};

/// The first unit is what is outside of the blocks, then every block is one. With adapters these alone are trainable, and the model's own
/// weights stop asking for gradients.
std::vector<UnitMembers> training_units(const Transformer& model, const LoraAdapters* adapters);

/// Makes the members views of one flat tensor per unit: [padded to a multiple of the processes], of which process r owns the part r. The
/// members stay what the model computes with. At stage 3 a unit that is not gathered has no weights: its members are empty.
class ParameterUnits {
 public:
  ParameterUnits(std::vector<UnitMembers> units, const tensor::World& world, ZeroStage stage);
  ParameterUnits(const ParameterUnits&) = delete;
  ParameterUnits& operator=(const ParameterUnits&) = delete;

  [[nodiscard]] std::size_t size() const { return units_.size(); }
  [[nodiscard]] ZeroStage stage() const { return stage_; }

  /// Has the weights of the unit whole in this process, until `release` (stage 3; else they always are).
  void gather(std::size_t unit);
  void release(std::size_t unit);

  /// What autograd is asked for.
  [[nodiscard]] const std::vector<torch::Tensor>& trainable(std::size_t unit) const { return units_[unit].leaves; }
  /// Gradients are zero from here on.
  void forget_gradients();
  /// Adds gradients of `trainable(unit)`, one list per thread (maybe none); one that is undefined is zero. From stage 2 on they are summed over the processes now, and only the own part is
  /// kept; every process must call this in the same order.
  void add_gradients(std::size_t unit, std::span<const std::vector<torch::Tensor>> gradients);
  /// Sums over the processes what `add_gradients` has not.
  void sum_gradients();

  /// What this process's optimiser changes, by parts of parameters. Views that stay valid.
  [[nodiscard]] std::vector<OptimisedPart> own_parts() const;
  /// The norm over the own parts is that of all weights, or has to be summed up over the processes.
  [[nodiscard]] bool parts_are_everything() const { return world_->size() == 1 || stage_ == ZeroStage::kNothing; }
  /// After the optimiser's step: everybody has the new weights.
  void share_weights();

  /// The own part of a unit's state, for files: elements first .. first + part - 1 of [padded] weights, first and second moments.
  struct OwnState {
    std::string name;
    std::int64_t first = 0;
    std::int64_t elements = 0;  ///< of the unit, without padding
    torch::Tensor weights;
    torch::Tensor first_moments;
    torch::Tensor second_moments;
  };
  [[nodiscard]] std::vector<OwnState> own_state() const;

  /// All weights in the leading process (on the CPU where they were shared out), which then computes and saves as a single one does. At stage
  /// 3 the other processes are left without. The last thing to do.
  void collect_weights();

 private:
  struct Member {
    std::string name;
    torch::Tensor tensor;
    std::vector<std::int64_t> shape;
    std::int64_t offset = 0;  ///< in the flat tensor
    std::int64_t count = 0;
  };
  /// Members side by side.
  struct Flat {
    std::vector<Member> members;
    std::int64_t elements = 0;
    std::int64_t padded = 0;
    torch::Tensor whole;  ///< [padded]; undefined while released
    torch::Tensor own;    ///< [padded / processes]: a view of `whole`, but at stage 3 with memory of its own
  };
  struct Unit {
    std::string name;
    Flat trainable;
    Flat frozen;  ///< left as it was below stage 3
    std::vector<torch::Tensor> leaves;
    torch::Tensor gradient;        ///< [padded], from stage 2 on the own part
    torch::Tensor own_gradient;    ///< the own part of `gradient`
    torch::Tensor first_moments;   ///< own part
    torch::Tensor second_moments;  ///< own part
    bool empty = true;             ///< no gradient was added yet
  };

  [[nodiscard]] Flat flatten(const std::vector<std::pair<std::string, torch::Tensor>>& tensors) const;
  [[nodiscard]] torch::Tensor part_of(const torch::Tensor& whole) const;
  void gather(Flat& flat) const;
  static void release(Flat& flat);
  [[nodiscard]] bool shares_weights_out() const { return stage_ == ZeroStage::kWeights; }

  const tensor::World* world_;
  ZeroStage stage_;
  std::vector<Unit> units_;
};

}  // namespace llama4rec::llm

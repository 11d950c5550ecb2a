#include "llm/parallel/parameter_units.h"

#include <algorithm>

#include <fmt/format.h>

#include "llm/lora/adapters.h"

namespace llama4rec::llm {
namespace {

using torch::Tensor;

/// Members begin at multiples of this many elements, as kernels like it.
constexpr std::int64_t kAlignment = 16;

std::int64_t rounded_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

/// "blocks.3.down" -> 3; nothing for what is outside of the blocks.
std::optional<std::size_t> layer_of(const std::string& name) {
  if (!name.starts_with("blocks.")) return std::nullopt;
  return std::stoul(name.substr(7));
}

}  // namespace

std::vector<UnitMembers> training_units(const Transformer& model, const LoraAdapters* adapters) {
  std::vector<UnitMembers> units(1 + model.blocks().size());
  units.front().name = "outside";
  for (std::size_t layer = 0; layer < model.blocks().size(); ++layer)
    units[layer + 1].name = fmt::format("block{}", layer);
  const auto unit_of = [&](const std::string& name) -> UnitMembers& {
    const auto layer = layer_of(name);
    return units[layer ? *layer + 1 : 0];
  };
  for (const auto& [name, tensor] : model.parameters()) {
    auto weight = tensor;
    weight.requires_grad_(adapters == nullptr);
    auto& unit = unit_of(name);
    (adapters == nullptr ? unit.trainable : unit.frozen).emplace_back(name, weight);
  }
  if (adapters != nullptr) {
    for (const auto& [name, tensor] : adapters->parameters()) unit_of(name).trainable.emplace_back(name, tensor);
  }
  return units;
}

ParameterUnits::ParameterUnits(std::vector<UnitMembers> units, const tensor::World& world, ZeroStage stage)
    : world_(&world), stage_(stage) {
  const torch::NoGradGuard no_grad;
  for (auto& members : units) {
    Unit unit;
    unit.name = members.name;
    unit.trainable = flatten(members.trainable);
    for (const auto& member : unit.trainable.members) unit.leaves.push_back(member.tensor);
    const auto& whole = unit.trainable.whole;
    const auto own = part_of(whole);
    unit.gradient = torch::zeros_like(stage_ >= ZeroStage::kGradients ? own : whole);
    unit.own_gradient = stage_ >= ZeroStage::kGradients ? unit.gradient : part_of(unit.gradient);
    unit.first_moments = torch::zeros_like(own);
    unit.second_moments = torch::zeros_like(own);
    unit.trainable.own = own;
    if (shares_weights_out()) {
      unit.frozen = flatten(members.frozen);
      for (auto* flat : {&unit.trainable, &unit.frozen}) {
        flat->own = part_of(flat->whole).clone();
        release(*flat);
      }
    }
    units_.push_back(std::move(unit));
  }
}

ParameterUnits::Flat ParameterUnits::flatten(const std::vector<std::pair<std::string, Tensor>>& tensors) const {
  Flat flat;
  for (const auto& [name, tensor] : tensors) {
    flat.members.push_back({.name = name,
                            .tensor = tensor,
                            .shape = tensor.sizes().vec(),
                            .offset = flat.elements,
                            .count = tensor.numel()});
    flat.elements = rounded_up(flat.elements + tensor.numel(), kAlignment);
  }
  flat.padded = rounded_up(flat.elements, kAlignment * world_->size());
  const auto device = tensors.empty() ? torch::Device(torch::kCPU) : tensors.front().second.device();
  flat.whole = torch::zeros({flat.padded}, torch::dtype(torch::kFloat32).device(device));
  for (auto& member : flat.members) {
    const auto place = flat.whole.narrow(0, member.offset, member.count).view(member.shape);
    place.copy_(member.tensor.detach());
    member.tensor.set_data(place);
  }
  return flat;
}

Tensor ParameterUnits::part_of(const Tensor& whole) const {
  if (stage_ == ZeroStage::kNothing) return whole;
  const auto part = whole.numel() / world_->size();
  return whole.narrow(0, part * world_->rank(), part);
}

void ParameterUnits::gather(Flat& flat) const {
  if (flat.whole.defined()) return;
  flat.whole = torch::empty({flat.padded}, flat.own.options());
  if (flat.padded > 0) world_->gather(flat.own, flat.whole);
  for (auto& member : flat.members) {
    member.tensor.set_data(flat.whole.narrow(0, member.offset, member.count).view(member.shape));
  }
}

void ParameterUnits::release(Flat& flat) {
  const auto nothing = torch::empty({0}, flat.own.options());
  for (auto& member : flat.members) member.tensor.set_data(nothing);
  flat.whole = Tensor();
}

void ParameterUnits::gather(std::size_t unit) {
  if (!shares_weights_out()) return;
  const torch::NoGradGuard no_grad;
  gather(units_[unit].trainable);
  gather(units_[unit].frozen);
}

void ParameterUnits::release(std::size_t unit) {
  if (!shares_weights_out()) return;
  release(units_[unit].trainable);
  release(units_[unit].frozen);
}

void ParameterUnits::forget_gradients() {
  for (auto& unit : units_) unit.empty = true;
}

void ParameterUnits::add_gradients(std::size_t number, std::span<const std::vector<Tensor>> gradients) {
  const torch::NoGradGuard no_grad;
  auto& unit = units_[number];
  if (unit.trainable.padded == 0) return;
  const bool scattered = stage_ >= ZeroStage::kGradients;
  const bool fresh = scattered || unit.empty;
  auto whole = scattered ? torch::zeros({unit.trainable.padded}, unit.gradient.options()) : unit.gradient;
  if (gradients.empty() && fresh && !scattered) whole.zero_();
  for (std::size_t i = 0; i < unit.trainable.members.size(); ++i) {
    const auto& member = unit.trainable.members[i];
    const auto place = whole.narrow(0, member.offset, member.count).view(member.shape);
    for (std::size_t thread = 0; thread < gradients.size(); ++thread) {
      const auto& gradient = gradients[thread][i];
      if (thread == 0 && fresh) {
        if (gradient.defined()) {
          place.copy_(gradient);
        } else {
          place.zero_();
        }
      } else if (gradient.defined()) {
        place.add_(gradient);
      }
    }
  }
  if (scattered) {
    auto sum = torch::empty_like(unit.gradient);
    world_->sum_own_part(whole, sum);
    if (unit.empty) {
      unit.gradient.copy_(sum);
    } else {
      unit.gradient.add_(sum);
    }
  }
  unit.empty = false;
}

void ParameterUnits::sum_gradients() {
  const torch::NoGradGuard no_grad;
  for (auto& unit : units_) {
    if (unit.empty) unit.gradient.zero_();
    unit.empty = false;
    if (stage_ == ZeroStage::kNothing) world_->sum(unit.gradient);
    if (stage_ == ZeroStage::kOptimiserState && unit.trainable.padded > 0) {
      world_->sum_own_part(unit.gradient, unit.own_gradient);
    }
  }
}

std::vector<OptimisedPart> ParameterUnits::own_parts() const {
  std::vector<OptimisedPart> parts;
  for (const auto& unit : units_) {
    const auto own_count = unit.trainable.own.numel();
    const auto own_begin = stage_ == ZeroStage::kNothing ? 0 : own_count * world_->rank();
    for (const auto& member : unit.trainable.members) {
      const auto begin = std::max(member.offset, own_begin);
      const auto end = std::min(member.offset + member.count, own_begin + own_count);
      if (begin >= end) continue;
      const auto cut = [&](const Tensor& own) { return own.narrow(0, begin - own_begin, end - begin); };
      parts.push_back({.name = member.name,
                       .weight = cut(unit.trainable.own),
                       .gradient = cut(unit.own_gradient),
                       .first_moment = cut(unit.first_moments),
                       .second_moment = cut(unit.second_moments),
                       .decayed = member.shape.size() > 1});
    }
  }
  return parts;
}

void ParameterUnits::share_weights() {
  const torch::NoGradGuard no_grad;
  if (parts_are_everything() || shares_weights_out()) return;
  for (auto& unit : units_) {
    if (unit.trainable.padded > 0) world_->gather(unit.trainable.own, unit.trainable.whole);
  }
}

std::vector<ParameterUnits::OwnState> ParameterUnits::own_state() const {
  std::vector<OwnState> state;
  for (const auto& unit : units_) {
    if (unit.trainable.elements == 0) continue;
    const auto count = unit.trainable.own.numel();
    state.push_back({.name = unit.name,
                     .first = stage_ == ZeroStage::kNothing ? 0 : count * world_->rank(),
                     .elements = unit.trainable.elements,
                     .weights = unit.trainable.own,
                     .first_moments = unit.first_moments,
                     .second_moments = unit.second_moments});
  }
  return state;
}

void ParameterUnits::collect_weights() {
  if (!shares_weights_out()) return;
  const torch::NoGradGuard no_grad;
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    gather(unit);
    if (!world_->leads()) {
      release(unit);
      continue;
    }
    if (world_->size() == 1) continue;
    for (auto* flat : {&units_[unit].trainable, &units_[unit].frozen}) {
      for (auto& member : flat->members) member.tensor.set_data(member.tensor.detach().cpu().clone());
      flat->whole = Tensor();
    }
  }
}

}  // namespace llama4rec::llm

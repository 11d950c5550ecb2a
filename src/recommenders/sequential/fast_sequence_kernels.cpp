#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "recommenders/sequential/fast_encoder.h"
#include "recommenders/sequential/item_loss.h"
#include "recommenders/sequential/sequence_kernels.h"
#include "recommenders/sequential/view_contrast.h"

namespace llama4rec::recommenders {
namespace {

using torch::Tensor;

/// Tokens of a pack: what a pass keeps of them fits the second- and third-level cache.
constexpr std::int64_t kTokensAtOnce = 512;

/// What one thread works with.
struct Worker {
  FastEncoderPass pass;
  ItemLoss loss;
  SequencePack pack;
  std::vector<std::int64_t> positions;
  std::vector<float> slopes;
  std::vector<float> gradient;  ///< this thread's part, [weights]
  double total = 0;
};

/// A run of sequences of a batch, and the targets that belong to them.
struct Piece {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t first_target = 0;
  std::size_t targets = 0;
};

tensor::Share all_of(std::span<const Sequence> sequences) { return {.first = 0, .count = sequences.size()}; }

/// Of the sequences of `rows`; `targets` are those of all sequences.
std::vector<Piece> pieces_of(std::span<const Sequence> sequences, tensor::Share rows,
                             std::span<const SequenceTarget> targets) {
  std::vector<Piece> pieces;
  std::int64_t tokens = kTokensAtOnce;
  const auto before = [&](std::size_t row) {
    return static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), [&](const SequenceTarget& target) {
      return target.row < static_cast<std::int64_t>(row);
    }));
  };
  std::size_t target = before(rows.first);
  for (std::size_t row = rows.first; row < rows.end(); ++row) {
    const auto length = static_cast<std::int64_t>(sequences[row].size());
    if (tokens + length > kTokensAtOnce || pieces.empty()) {
      pieces.push_back({.first = row, .count = 0, .first_target = target, .targets = 0});
      tokens = 0;
    }
    auto& piece = pieces.back();
    ++piece.count;
    tokens += length;
    for (; target < targets.size() && targets[target].row == static_cast<std::int64_t>(row); ++target) ++piece.targets;
  }
  if (target != before(rows.end())) throw InternalError("sequence kernels: targets out of order");
  return pieces;
}

class FastSequenceKernels final : public SequenceKernels {
 public:
  explicit FastSequenceKernels(const EncoderShape& shape) : weights_(shape) {}

  double loss_and_gradient(SequenceEncoder& encoder, const SequenceLesson& lesson) override {
    prepare(encoder, !lesson.negatives);
    for (auto& worker : workers_) {
      worker.gradient.assign(static_cast<std::size_t>(encoder.weights().numel()), 0.0F);
      worker.total = 0;
    }
    teach_targets(lesson);
    double loss = 0;
    for (const auto& worker : workers_) loss += worker.total;
    if (lesson.contrast) loss += teach_contrast(*lesson.contrast, lesson.sight);
    auto* const gradient = encoder.gradient().data_ptr<float>();
    const auto count = encoder.gradient().numel();
#pragma omp parallel for simd schedule(static)
    for (std::int64_t n = 0; n < count; ++n) {
      float sum = 0;
      for (const auto& worker : workers_) sum += worker.gradient[static_cast<std::size_t>(n)];
      gradient[n] = sum;
    }
    return loss;
  }

  Tensor end_states(const SequenceEncoder& encoder, std::span<const Sequence> inputs, Sight sight) override {
    prepare(encoder, false);
    Tensor states =
        torch::zeros({static_cast<std::int64_t>(inputs.size()), encoder.shape().dimension}, torch::kFloat32);
    read_ends(inputs, sight, nullptr, states);
    return states;
  }

 private:
  void prepare(const SequenceEncoder& encoder, bool item_products) {
    const auto* values = encoder.weights().data_ptr<float>();
    weights_.prepare(values);
    table_.prepare(values, encoder.shape().items, encoder.shape().dimension, item_products);
    workers_.resize(static_cast<std::size_t>(std::max(1, at::get_num_threads())));
  }

  [[nodiscard]] std::vector<tensor::Dropout> dropouts(std::uint64_t seed) const {
    return weights_.shape().dropout > 0 ? encoder_dropouts(weights_.shape(), seed) : std::vector<tensor::Dropout>{};
  }

  /// visit(worker, piece) for all pieces: each thread every so many, in order, so that sums have one order.
  template <typename Visit>
  void share(const std::vector<Piece>& pieces, Visit visit) {
    const auto step = workers_.size();
    const auto count = static_cast<std::int64_t>(step);
#pragma omp parallel for schedule(static, 1)
    for (std::int64_t number = 0; number < count; ++number) {
      for (auto n = static_cast<std::size_t>(number); n < pieces.size(); n += step) {
        visit(workers_[static_cast<std::size_t>(number)], pieces[n]);
      }
    }
  }

  /// Places of the longest input: there are positions for so many.
  [[nodiscard]] std::int64_t width_of(std::span<const Sequence> inputs) const {
    const auto width = longest(inputs);
    if (width > weights_.shape().length) {
      throw InternalError(fmt::format("a sequence of {} items for {} positions", width, weights_.shape().length));
    }
    return width;
  }

  void teach_targets(const SequenceLesson& lesson) {
    const auto masks = dropouts(lesson.seed);
    const auto* used = masks.empty() ? nullptr : &masks;
    const auto width = width_of(lesson.inputs);
    const auto d = weights_.shape().dimension;
    const auto weight = 1.0F / static_cast<float>(lesson.targets.size());
    const auto rows = lesson.own.value_or(all_of(lesson.inputs));
    share(pieces_of(lesson.inputs, rows, lesson.targets), [&](Worker& worker, const Piece& piece) {
      const auto targets = std::span(lesson.targets).subspan(piece.first_target, piece.targets);
      worker.pack.clear();
      worker.pack.sight = lesson.sight;
      worker.pack.width = width;
      auto target = targets.begin();
      for (std::size_t n = piece.first; n < piece.first + piece.count; ++n) {
        worker.positions.clear();
        for (; target != targets.end() && target->row == static_cast<std::int64_t>(n); ++target) {
          worker.positions.push_back(target->position);
        }
        worker.pack.add(lesson.inputs[n], static_cast<std::int64_t>(n), worker.positions);
      }
      const float* states = worker.pass.forward(weights_, worker.pack, used);
      worker.slopes.resize(targets.size() * static_cast<std::size_t>(d));
      worker.total +=
          lesson.negatives
              ? ItemLoss::negatives(table_, states, targets, weight, worker.slopes.data(), worker.gradient.data())
              : worker.loss.softmax(table_, states, targets, weight, worker.slopes.data(), worker.gradient.data());
      worker.pass.backward(weights_, worker.pack, used, worker.slopes.data(), worker.gradient.data());
    });
  }

  /// A pack whose sequences are asked at their ends.
  static void pack_ends(Worker& worker, std::span<const Sequence> inputs, const Piece& piece, Sight sight,
                        std::int64_t width) {
    worker.pack.clear();
    worker.pack.sight = sight;
    worker.pack.width = width;
    for (std::size_t n = piece.first; n < piece.first + piece.count; ++n) {
      worker.positions.clear();
      if (!inputs[n].empty()) worker.positions.push_back(static_cast<std::int64_t>(inputs[n].size()) - 1);
      worker.pack.add(inputs[n], static_cast<std::int64_t>(n), worker.positions);
    }
  }

  /// visit(place of a state among the pack's, number of its input).
  template <typename Visit>
  static void by_end(const SequencePack& pack, Visit visit) {
    for (const auto& sequence : pack.sequences) {
      if (sequence.asked > 0) visit(sequence.first_asked, sequence.row);
    }
  }

  void read_ends(std::span<const Sequence> inputs, Sight sight, const std::vector<tensor::Dropout>* masks,
                 Tensor& states) {
    const auto d = weights_.shape().dimension;
    const auto width = width_of(inputs);
    auto* const to = states.data_ptr<float>();
    share(pieces_of(inputs, all_of(inputs), {}), [&](Worker& worker, const Piece& piece) {
      pack_ends(worker, inputs, piece, sight, width);
      const float* from = worker.pass.forward(weights_, worker.pack, masks);
      by_end(worker.pack,
             [&](std::int64_t place, std::int64_t row) { std::copy_n(from + place * d, d, to + row * d); });
    });
  }

  void teach_ends(std::span<const Sequence> inputs, Sight sight, const std::vector<tensor::Dropout>* masks,
                  const Tensor& slopes) {
    const auto d = weights_.shape().dimension;
    const auto width = width_of(inputs);
    const auto* from = slopes.data_ptr<float>();
    share(pieces_of(inputs, all_of(inputs), {}), [&](Worker& worker, const Piece& piece) {
      pack_ends(worker, inputs, piece, sight, width);
      worker.pass.forward(weights_, worker.pack, masks);
      worker.slopes.resize(static_cast<std::size_t>(worker.pack.states() * d));
      by_end(worker.pack, [&](std::int64_t place, std::int64_t row) {
        std::copy_n(from + row * d, d, worker.slopes.data() + place * d);
      });
      worker.pass.backward(weights_, worker.pack, masks, worker.slopes.data(), worker.gradient.data());
    });
  }

  /// The contrast couples all views: their states are computed, and again on the way back, so that nothing is kept of them between.
  double teach_contrast(const SequenceContrast& contrast, Sight sight) {
    const auto first_masks = dropouts(contrast.first_seed);
    const auto second_masks = dropouts(contrast.second_seed);
    const auto* first_used = first_masks.empty() ? nullptr : &first_masks;
    const auto* second_used = second_masks.empty() ? nullptr : &second_masks;
    const auto empty = [&] {
      return torch::zeros({static_cast<std::int64_t>(contrast.first.size()), weights_.shape().dimension},
                          torch::kFloat32);
    };
    Tensor first = empty();
    Tensor second = empty();
    read_ends(contrast.first, sight, first_used, first);
    read_ends(contrast.second, sight, second_used, second);
    first.requires_grad_();
    second.requires_grad_();
    const auto loss = contrast.weight * view_contrast(first, second, contrast.temperature);
    loss.backward();
    teach_ends(contrast.first, sight, first_used, first.grad().contiguous());
    teach_ends(contrast.second, sight, second_used, second.grad().contiguous());
    return loss.item<double>();
  }

  FastEncoderWeights weights_;
  ItemTable table_;
  std::vector<Worker> workers_;
};

}  // namespace

std::unique_ptr<SequenceKernels> make_fast_sequence_kernels(const EncoderShape& shape) {
  return std::make_unique<FastSequenceKernels>(shape);
}

}  // namespace llama4rec::recommenders

#include "prompts/template_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"

namespace llama4rec::prompts {
namespace {

/// Where a part may stand.
enum class Place {
  kSection,   ///< in a section alone: it may have nothing to show
  kAnywhere,  ///< the user's own history; it needs a heading
  kOutside,   ///< always shown
};

struct Placeholder {
  std::string_view name;
  Part part;
  Place place;
  std::string_view example;
};

constexpr std::array kRankingParts{
    Placeholder{.name = "history", .part = Part::kHistory, .place = Place::kAnywhere, .example = "liked: {{history}}"},
    Placeholder{.name = "candidates",
                .part = Part::kCandidates,
                .place = Place::kSection,
                .example = "[[rank: {{candidates}}]]"},
    Placeholder{.name = "similar_history",
                .part = Part::kSimilarHistory,
                .place = Place::kSection,
                .example = "[[similar: {{similar_history}}]]"},
    Placeholder{.name = "hint", .part = Part::kHint, .place = Place::kSection, .example = "[[hint: {{hint}}]]"},
};
constexpr std::array kRatingParts{
    Placeholder{
        .name = "ratings", .part = Part::kRatings, .place = Place::kAnywhere, .example = "ratings: {{ratings}}"},
    Placeholder{.name = "target", .part = Part::kTarget, .place = Place::kOutside, .example = "{{target}}: "},
    Placeholder{.name = "similar_ratings",
                .part = Part::kSimilarRatings,
                .place = Place::kSection,
                .example = "[[similar ratings: {{similar_ratings}}]]"},
    Placeholder{.name = "predicted",
                .part = Part::kPredicted,
                .place = Place::kSection,
                .example = "[[predicted {{predicted}}]]"},
};
/// The first ones of either list have to be there.
constexpr std::size_t kRequired = 2;

std::string braced(std::string_view name) { return fmt::format("{{{{{}}}}}", name); }

class TemplateReader {
 public:
  TemplateReader(const data::SourceText& source, TemplateKind kind, const std::map<std::string, std::string>& constants)
      : source_(source), constants_(constants) {
    if (kind == TemplateKind::kRanking) {
      known_.assign(kRankingParts.begin(), kRankingParts.end());
    } else {
      known_.assign(kRatingParts.begin(), kRatingParts.end());
    }
  }

  TemplatePieces read() {
    const std::string_view text = source_.text;
    while (at_ < text.size()) {
      const std::string_view mark = text.substr(at_, 2);
      if (mark == "[[") {
        open_section();
      } else if (mark == "]]") {
        close_section();
      } else if (mark == "{{") {
        insert();
      } else if (mark == "}}") {
        fail(at_, "}} ends no placeholder, expected {{ before it");
      } else {
        text_ += text[at_++];
      }
    }
    if (section_) fail(*section_, "the section is not closed, expected ]] behind it");
    end_text();
    for (std::size_t n = 0; n < kRequired; ++n) require(known_[n]);
    return std::move(pieces_);
  }

 private:
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    const std::string_view before = std::string_view(source_.text).substr(0, offset);
    const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t start = lines == 0 ? 0 : before.rfind('\n') + 1;
    throw DataError({.file = source_.name, .line = lines + 1, .column = offset - start + 1}, message);
  }

  void require(const Placeholder& placeholder) const {
    if (std::any_of(pieces_.begin(), pieces_.end(), [&](const auto& it) { return it.part == placeholder.part; }))
      return;
    throw DataError(FileLocation{.file = source_.name},
                    fmt::format("{} is missing, expected it somewhere, such as \"{}\"", braced(placeholder.name),
                                placeholder.example));
  }

  void end_text() {
    if (!text_.empty()) pieces_.push_back({.text = std::move(text_)});
    text_.clear();
  }

  void open_section() {
    if (section_) fail(at_, "[[ within a section, expected ]] before it");
    end_text();
    section_ = at_;
    section_pieces_ = pieces_.size();
    at_ += 2;
  }

  void close_section() {
    if (!section_) fail(at_, "]] ends no section, expected [[ before it");
    end_text();
    if (section_part_ == nullptr) fail(*section_, "a section without a part, expected one of " + parts_of_sections());
    for (std::size_t n = section_pieces_; n < pieces_.size(); ++n) pieces_[n].shown_with = section_part_->part;
    section_.reset();
    section_part_ = nullptr;
    at_ += 2;
  }

  /// {{name}}: a constant becomes text, a part a piece.
  void insert() {
    const std::string_view rest = std::string_view(source_.text).substr(at_ + 2);
    const std::size_t end = rest.find("}}");
    if (end == std::string_view::npos || rest.find('\n') < end) {
      const auto shown = data::excerpt(rest.substr(0, rest.find('\n')));
      fail(at_, fmt::format("\"{{{{{}\" is not closed, expected }}}} on the same line", shown));
    }
    const std::string name(text::trim(rest.substr(0, end)));
    const auto constant = constants_.find(name);
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const auto& it) { return it.name == name; });
    if (constant != constants_.end()) {
      text_ += constant->second;
    } else if (known != known_.end()) {
      insert_part(*known);
    } else {
      fail(at_, fmt::format("unknown placeholder {}, expected {}", braced(data::excerpt(name)), all_names()));
    }
    at_ += end + 4;
  }

  void insert_part(const Placeholder& placeholder) {
    const std::string name = braced(placeholder.name);
    if (section_ && placeholder.place == Place::kOutside) {
      fail(at_, name + " in a section, expected it outside: it is always shown");
    }
    if (!section_ && placeholder.place == Place::kSection) {
      fail(at_, fmt::format("{} outside of a section, expected it in one that is left out where there is nothing to "
                            "show, such as \"{}\"",
                            name, placeholder.example));
    }
    if (placeholder.place == Place::kAnywhere && text_.empty()) {
      fail(at_, fmt::format("{} has no text right before it, expected a heading, such as \"{}\"", name,
                            placeholder.example));
    }
    if (section_ && section_part_ != nullptr && section_part_->part != placeholder.part) {
      fail(at_,
           fmt::format("{} in the section of {}, expected a section of its own", name, braced(section_part_->name)));
    }
    if (section_) section_part_ = &placeholder;
    end_text();
    pieces_.push_back({.part = placeholder.part});
  }

  [[nodiscard]] std::string parts_of_sections() const {
    std::vector<std::string> names;
    for (const auto& it : known_) {
      if (it.place != Place::kOutside) names.push_back(braced(it.name));
    }
    return text::join(names, ", ");
  }

  [[nodiscard]] std::string all_names() const {
    std::vector<std::string> names;
    for (const auto& it : known_) names.push_back(braced(it.name));
    for (const auto& [name, value] : constants_) names.push_back(braced(name));
    return "one of " + text::join(names, ", ");
  }

  const data::SourceText& source_;
  const std::map<std::string, std::string>& constants_;
  std::vector<Placeholder> known_;
  TemplatePieces pieces_;
  std::string text_;                           // what was read since the last piece
  std::size_t at_ = 0;                         // in the source
  std::optional<std::size_t> section_;         // where the open section begins in the source
  std::size_t section_pieces_ = 0;             // and among the pieces
  const Placeholder* section_part_ = nullptr;  // its part, if that was read; in known_
};

}  // namespace

TemplatePieces parse_template(const data::SourceText& source, TemplateKind kind,
                              const std::map<std::string, std::string>& constants) {
  return TemplateReader(source, kind, constants).read();
}

std::string heading_of(const TemplatePieces& pieces, Part part) {
  for (std::size_t n = 1; n < pieces.size(); ++n) {
    if (pieces[n].part != part) continue;
    const std::string& text = pieces[n - 1].text;
    const std::size_t line = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    return line == std::string::npos ? text : text.substr(line);
  }
  throw InternalError("a template without a history");
}

}  // namespace llama4rec::prompts

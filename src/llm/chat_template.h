// How instruction-tuned checkpoints expect a conversation: one question of the user, then the answer.
#pragma once

#include <string>
#include <vector>

#include "config/options.h"

namespace llama4rec::llm {

/// A part of a template. Control parts become control tokens; text is encoded as text.
struct ChatPart {
  enum class Kind {
    kBegin,    ///< the tokeniser's begin token, where it has one
    kControl,  ///< the control token named `text`
    kText,
  };
  Kind kind = Kind::kText;
  std::string text;
};

/// One known template.
struct ChatTemplate {
  std::string name;
  std::vector<ChatPart> opening;
  std::vector<ChatPart> system_opening;  ///< before and behind the system text; left out where there is none
  std::vector<ChatPart> system_closing;
  std::vector<ChatPart> question;  ///< before the prompt's segments
  std::vector<ChatPart> answer;    ///< behind them
  std::string end;                 ///< name of the control token behind an answer; empty: the model's own end token
  /// Marks that are ordinary text in the template: data that contains them is written so that it cannot be taken for them.
  std::vector<std::string> text_marks;
  std::string jinja;  ///< the same for other programs, in tokenizer_config.json
};

/// What the user asks for; "saved" is what the checkpoint was saved with.
struct ChatOptions {
  std::string chat_template = "saved";
  std::string system_text;
  void declare(config::OptionVisitor& visit);  // "llm.chat_template", ...
};

/// "llama2", "llama3" or "chatml". UsageError for any other name.
const ChatTemplate& find_chat_template(const std::string& name);

}  // namespace llama4rec::llm

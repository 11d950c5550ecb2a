#include "llm/chat_template.h"

#include <array>

#include <fmt/format.h>
#include <llama4rec/error.h>

namespace llama4rec::llm {
namespace {

ChatPart begin() { return {.kind = ChatPart::Kind::kBegin, .text = ""}; }
ChatPart control(const char* name) { return {.kind = ChatPart::Kind::kControl, .text = name}; }
ChatPart text(const char* what) { return {.kind = ChatPart::Kind::kText, .text = what}; }

ChatTemplate llama2() {
  return {.name = "llama2",
          .opening = {begin(), text("[INST] ")},
          .system_opening = {text("<<SYS>>\n")},
          .system_closing = {text("\n<</SYS>>\n\n")},
          .question = {},
          .answer = {text(" [/INST]")},
          .end = "",
          .text_marks = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"},
          .jinja = R"({%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}{%- set ns.system = '<<SYS>>\n' + message['content'] + '\n<</SYS>>\n\n' -%}
{%- elif message['role'] == 'user' -%}{{- bos_token + '[INST] ' + (ns.system if loop.index0 < 2 else '') + message['content'] + ' [/INST]' -}}
{%- else -%}{{- message['content'] + eos_token -}}
{%- endif -%}
{%- endfor -%})"};
}

ChatTemplate llama3() {
  const auto start = control("<|start_header_id|>");
  const auto stop = control("<|end_header_id|>");
  const auto end = control("<|eot_id|>");
  return {.name = "llama3",
          .opening = {control("<|begin_of_text|>")},
          .system_opening = {start, text("system"), stop, text("\n\n")},
          .system_closing = {end},
          .question = {start, text("user"), stop, text("\n\n")},
          .answer = {end, start, text("assistant"), stop, text("\n\n")},
          .end = end.text,
          .text_marks = {},
          .jinja = R"({{- '<|begin_of_text|>' -}}
{%- for message in messages -%}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}{%- endif -%})"};
}

ChatTemplate chatml() {
  const auto start = control("<|im_start|>");
  const auto end = control("<|im_end|>");
  return {.name = "chatml",
          .opening = {begin()},
          .system_opening = {start, text("system\n")},
          .system_closing = {end, text("\n")},
          .question = {start, text("user\n")},
          .answer = {end, text("\n"), start, text("assistant\n")},
          .end = end.text,
          .text_marks = {},
          .jinja = R"({{- bos_token if bos_token else '' -}}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%})"};
}

}  // namespace

const ChatTemplate& find_chat_template(const std::string& name) {
  static const std::array known{llama2(), llama3(), chatml()};
  for (const auto& chat : known) {
    if (chat.name == name) return chat;
  }
  throw UsageError(fmt::format("there is no chat template '{}'; expected llama2, llama3 or chatml", name));
}

}  // namespace llama4rec::llm

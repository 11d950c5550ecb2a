# cmake -DINPUT=FILE -DOUTPUT=FILE.cpp -DFUNCTION=NAME -P EmbedFile.cmake: a function that returns the file's bytes.
# An array of numbers, for string literals have a length limit and rules about their characters.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," numbers "${hex}")
string(REPEAT "." 120 line)
string(REGEX REPLACE "(${line})" "\\1\n" numbers "${numbers}")
file(WRITE ${OUTPUT} "// Generated from ${INPUT} by cmake/EmbedFile.cmake.
#include \"report/assets.h\"

namespace llama4rec::report {
namespace {
const unsigned char kBytes[] = {
${numbers}0x00};
}  // namespace

std::string_view ${FUNCTION}() { return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes) - 1}; }

}  // namespace llama4rec::report
")

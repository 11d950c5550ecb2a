#include "tensor/safetensors.h"

#include <unistd.h>

#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <llama4rec/error.h>

#include "core/atomic_file.h"

namespace llama4rec::tensor {
namespace {

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest() : folder_(testing::TempDir() + "safetensors." + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~SafetensorsTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "model.safetensors"; }

  void write_bytes(const std::string& bytes) const { std::ofstream(file(), std::ios::binary) << bytes; }

  // A file with this header and `data_size` bytes of data.
  void write_raw(const std::string& header, std::size_t data_size) const {
    std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    write_bytes(bytes + header + std::string(data_size, '\1'));
  }

  [[nodiscard]] std::string error() const {
    try {
      (void)read_safetensors(file());
    } catch (const DataError& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with(file().string())) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << "a message is one line";
      return message;
    }
    return "no error";
  }

  [[nodiscard]] std::string error_of(const std::string& header, std::size_t data_size) const {
    write_raw(header, data_size);
    return error();
  }

 private:
  std::filesystem::path folder_;
};

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0);
}

TEST_F(SafetensorsTest, EveryTypeShapeAndTheMetadataSurviveARoundTrip) {
  torch::manual_seed(1);
  TensorFile content;
  for (const auto type : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
                          torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool}) {
    content.tensors[std::string("t.") + c10::toString(type)] = (torch::rand({3, 5}) * 100).to(type);
  }
  content.tensors["scalar"] = torch::tensor(7.5F);
  content.tensors["empty"] = torch::empty({0, 4});
  content.tensors["not a number"] = torch::full({2}, std::nan(""));
  content.tensors["name with \" and \n and \xC3\xA9"] = torch::ones({1}, torch::kUInt8);
  content.metadata = {{"format", "pt"}, {"quote", "\"\\\n"}};
  write_safetensors(file(), content);
  const auto read = read_safetensors(file());
  EXPECT_EQ(read.metadata, content.metadata);
  ASSERT_EQ(read.tensors.size(), content.tensors.size());
  for (const auto& [name, tensor] : content.tensors) {
    ASSERT_TRUE(read.tensors.contains(name)) << name;
    EXPECT_TRUE(same_bits(read.tensors.at(name), tensor)) << name;
  }
}

TEST_F(SafetensorsTest, AFileWithoutTensorsSurvivesARoundTrip) {
  write_safetensors(file(), {});
  EXPECT_TRUE(read_safetensors(file()).tensors.empty());
}

TEST_F(SafetensorsTest, TensorsThatAreNotContiguousAreWrittenInRowMajorOrder) {
  const auto matrix = torch::arange(6, torch::kFloat32).view({2, 3});
  write_safetensors(file(), {.tensors = {{"transposed", matrix.t()}}, .metadata = {}});
  const auto read = read_safetensors(file()).tensors.at("transposed");
  EXPECT_TRUE(same_bits(read, torch::tensor({0.F, 3.F, 1.F, 4.F, 2.F, 5.F}).view({3, 2})));
}

TEST_F(SafetensorsTest, TensorsThatWereReadOwnTheirMemory) {
  write_safetensors(file(), {.tensors = {{"x", torch::ones({4})}}, .metadata = {}});
  const auto read = read_safetensors(file()).tensors.at("x");
  std::filesystem::remove(file());
  EXPECT_EQ(read.sum().item<float>(), 4.F);
}

// The bytes as the format's specification has them.
TEST_F(SafetensorsTest, TheBytesOfAFileFollowTheFormat) {
  write_safetensors(file(), {.tensors = {{"b", torch::tensor({1, 2}, torch::kUInt8)}, {"a", torch::tensor({1.F})}},
                             .metadata = {{"k", "v"}}});
  std::string json = R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})";
  while (json.size() % 8 != 0) json += ' ';
  const std::string length = std::string(1, static_cast<char>(json.size())) + std::string(7, '\0');
  EXPECT_EQ(read_file(file()), length + json + std::string("\0\0\x80\x3F\1\2", 6));
}

TEST_F(SafetensorsTest, AForeignFileWithUnsortedOffsetsAndUnknownFieldsIsRead) {
  write_raw(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4],"note":1},)"
            R"("a":{"dtype":"U8","shape":[3,1],"data_offsets":[0,3]}}   )",
            4);
  const auto read = read_safetensors(file());
  EXPECT_EQ(read.tensors.at("a").sizes(), (std::vector<std::int64_t>{3, 1}));
  EXPECT_EQ(read.tensors.at("b").item<std::int64_t>(), 1);
}

TEST_F(SafetensorsTest, FilesThatAreMissingOrTooShortAreRefused) {
  EXPECT_THAT(error(), testing::HasSubstr("cannot be opened"));
  write_bytes("");
  EXPECT_THAT(error(), testing::HasSubstr("0 bytes are too few"));
  write_bytes("1234567");
  EXPECT_THAT(error(), testing::HasSubstr("7 bytes are too few"));
}

TEST_F(SafetensorsTest, AHeaderLengthBeyondTheFileIsRefusedBeforeAnythingIsAllocated) {
  write_bytes(std::string("\x10\0\0\0\0\0\0\0{}", 10));
  EXPECT_THAT(error(), testing::HasSubstr("its header of 16 bytes does not fit"));
  write_bytes(std::string(8, '\xFF') + "{}");
  EXPECT_THAT(error(), testing::HasSubstr("its header of 18446744073709551615 bytes does not fit"));
}

TEST_F(SafetensorsTest, AHeaderThatIsNoJsonObjectIsRefused) {
  EXPECT_THAT(error_of("", 0), testing::HasSubstr("no valid JSON"));
  EXPECT_THAT(error_of("{", 0), testing::HasSubstr("no valid JSON at its byte 2"));
  EXPECT_THAT(error_of("[]", 0), testing::HasSubstr("no JSON object"));
  EXPECT_THAT(error_of("{}{}", 0), testing::HasSubstr("no valid JSON"));
  EXPECT_THAT(error_of("{\"\xFF\":1}", 0), testing::HasSubstr("no valid JSON"));
  EXPECT_THAT(error_of(R"({"a":1e999})", 0), testing::HasSubstr("no valid JSON"));
}

TEST_F(SafetensorsTest, AHeaderThatNestsDeepIsRefused) {
  EXPECT_THAT(error_of("{\"a\":" + std::string(1000000, '['), 0), testing::HasSubstr("nests too deep"));
}

TEST_F(SafetensorsTest, AKeyThatStandsTwiceIsRefused) {
  const std::string entry = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(error_of("{\"a\":" + entry + ",\"a\":" + entry + "}", 1), testing::HasSubstr("the key \"a\" twice"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
              testing::HasSubstr("the key \"dtype\" twice"));
}

TEST_F(SafetensorsTest, MetadataThatIsNoMapOfTextsIsRefused) {
  EXPECT_THAT(error_of(R"({"__metadata__":[]})", 0), testing::HasSubstr("__metadata__ is no JSON object"));
  EXPECT_THAT(error_of(R"({"__metadata__":{"a":1}})", 0), testing::HasSubstr("__metadata__ \"a\" is no text"));
}

TEST_F(SafetensorsTest, AnEntryWithMissingOrWrongFieldsIsRefused) {
  EXPECT_THAT(error_of(R"({"a":1})", 0), testing::HasSubstr("tensor \"a\": its description is no JSON object"));
  EXPECT_THAT(error_of(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1), testing::HasSubstr("dtype is missing"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}})", 1),
              testing::HasSubstr("unknown dtype"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1), testing::HasSubstr("shape is missing"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[1]}})", 1), testing::HasSubstr("data_offsets is missing"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 2),
              testing::HasSubstr("no list of two offsets"));
}

TEST_F(SafetensorsTest, SizesThatAreNegativeFractionalOrTextsAreRefused) {
  for (const std::string size :
       {"-1", "1.0", "\"1\"", "null", "[1]", "18446744073709551615", "99999999999999999999999"}) {
    EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[)" + size + R"(],"data_offsets":[0,1]}})", 1),
                testing::HasSubstr("shape has an element that is no size"))
        << size;
  }
}

TEST_F(SafetensorsTest, AShapeWhoseProductOverflowsIsRefused) {
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
              testing::HasSubstr("overflows"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0),
              testing::HasSubstr("overflows"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", 0),
              testing::HasSubstr("overflows"));
}

TEST_F(SafetensorsTest, AShapeWithTooManyDimensionsIsRefused) {
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})", 1),
              testing::HasSubstr("more than 64 dimensions"));
}

TEST_F(SafetensorsTest, DataThatDoesNotFitTypeAndShapeIsRefused) {
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
              testing::HasSubstr("its data has 4 bytes, expected 8"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,8]}})", 8),
              testing::HasSubstr("its data has 8 bytes, expected 4"));
}

TEST_F(SafetensorsTest, OffsetsThatDescendOrLeaveTheFileAreRefused) {
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1),
              testing::HasSubstr("no ascending"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1),
              testing::HasSubstr("no ascending"));
  EXPECT_THAT(error_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1),
              testing::HasSubstr("ends at byte 2 of 1: the file is cut short"));
}

TEST_F(SafetensorsTest, OverlapsAndGapsAreRefused) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  EXPECT_THAT(error_of(two("[0,2]", "[1,3]"), 3), testing::HasSubstr("tensor \"b\": its data overlaps"));
  EXPECT_THAT(error_of(two("[0,2]", "[0,2]"), 2), testing::HasSubstr("overlaps"));
  EXPECT_THAT(error_of(two("[0,2]", "[3,5]"), 5), testing::HasSubstr("no tensor covers the 1 bytes before it"));
  EXPECT_THAT(error_of(two("[0,2]", "[2,4]"), 7), testing::HasSubstr("no tensor covers the last 3 bytes"));
  EXPECT_THAT(error_of("{}", 1), testing::HasSubstr("no tensor covers the last 1 bytes"));
}

TEST_F(SafetensorsTest, ANameWithLineBreaksOrOfGreatLengthStaysAShortMessage) {
  EXPECT_THAT(error_of(R"({"a\nb":1})", 0), testing::HasSubstr(R"(tensor "a\nb")"));
  EXPECT_LT(error_of("{\"" + std::string(100000, 'x') + "\":1}", 0).size(), 500U);
}

TEST_F(SafetensorsTest, ATruncationAtEveryByteIsRefused) {
  write_safetensors(file(),
                    {.tensors = {{"a", torch::ones({2})}, {"b", torch::ones({1}, torch::kUInt8)}}, .metadata = {}});
  const std::string whole = read_file(file());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(whole.substr(0, size));
    EXPECT_NE(error(), "no error") << "cut to " << size << " of " << whole.size() << " bytes";
  }
}

TEST_F(SafetensorsTest, TensorsThatTheFormatCannotHoldAreRefused) {
  EXPECT_THROW(write_safetensors(file(), {.tensors = {{"a", torch::Tensor()}}, .metadata = {}}), InternalError);
  EXPECT_THROW(write_safetensors(file(), {.tensors = {{"a", torch::ones({1}, torch::kComplexFloat)}}, .metadata = {}}),
               InternalError);
  EXPECT_FALSE(std::filesystem::exists(file()));
}

}  // namespace
}  // namespace llama4rec::tensor

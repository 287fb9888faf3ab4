// Archives of NumPy's: what NumPy wrote is read, what is written NumPy reads, and what is neither is refused.
#include "data/npz.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

#include "data/npy.h"
#include "framework/tensor/error.h"
#include "tests/data/zip_files.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using test::npy;
using test::npy_facts;
using Arrays = std::map<std::string, Tensor>;

// 0, 1, 2, ...
Tensor counted(const Shape& shape, DType dtype) {
  Tensor out(shape, dtype);
  for (std::int64_t i = 0; i < out.size(); ++i) switch (dtype) {
      case DType::f32: out.mutable_data<float>()[i] = static_cast<float>(i); break;
      case DType::f64: out.mutable_data<double>()[i] = static_cast<double>(i); break;
      case DType::i32: out.mutable_data<std::int32_t>()[i] = static_cast<std::int32_t>(i); break;
      case DType::i64: out.mutable_data<std::int64_t>()[i] = i; break;
      case DType::u8: out.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i); break;
    }
  return out;
}

const std::vector<std::pair<std::string, DType>> numpy_types{{"float32", DType::f32},
                                                             {"float64", DType::f64},
                                                             {"int32", DType::i32},
                                                             {"int64", DType::i64},
                                                             {"uint8", DType::u8}};

// Tensors whose names say what they are; see npz_check.py.
Arrays of_all_kinds() {
  Arrays out;
  for (const auto& [name, dtype] : numpy_types)
    for (const Shape& shape : {Shape(), Shape{3}, Shape{0}, Shape{2, 3}, Shape{3, 3, 2, 4}, Shape{1, 2, 1, 3, 1, 2}}) {
      std::string key = name;
      for (const std::int64_t dim : shape.dims()) key += text('.', dim);
      out[key] = counted(shape, dtype);
    }
  return out;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}

std::string refusal(const Bytes& bytes) {
  try {
    parse_npz(bytes, "input");
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

Bytes zeros(std::size_t count) { return Bytes(count); }

// An archive with one array.
Bytes alone(const Bytes& array) { return test::zip({{"a.npy", array}}); }

bool has(const std::string& all, const std::string& part) { return all.find(part) != std::string::npos; }

BOOST_AUTO_TEST_SUITE(npz)

BOOST_AUTO_TEST_CASE(what_numpy_saved_is_read) {
  for (const char* const file : {"arrays.npz", "packed_arrays.npz"}) {
    BOOST_TEST_CONTEXT(file) {
      const Arrays got = load_npz(fs::path(EBB_SOURCE_DIR) / "tests" / "golden" / file);
      BOOST_REQUIRE(got.size() == 9);
      BOOST_TEST(same(got.at("conv.weight"), counted({3, 3, 2, 4}, DType::f32)));
      BOOST_TEST(same(got.at("batches"), Tensor::full({}, 7, DType::i64)));
      BOOST_TEST(same(got.at("pixels"), counted({4, 5, 3}, DType::u8)));
      BOOST_TEST(same(got.at("empty"), Tensor({0, 3})));
      BOOST_TEST(same(got.at("transposed"), counted({2, 3, 4}, DType::f32)));
      BOOST_TEST(same(got.at("six"), counted({1, 2, 1, 3, 1, 2}, DType::f32)));
      BOOST_TEST(same(got.at("half"), Tensor::from({-1.0f, -0.75f, -0.5f, -0.25f, 0.0f, 0.25f}, {2, 3})));
      BOOST_TEST(same(got.at("exact"), Tensor::from({0.1, 1.1, 2.1, 3.1, 4.1}, {5})));
      BOOST_TEST(same(got.at("counts"), Tensor::from<std::int32_t>({-2, -1, 0, 1}, {2, 2})));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_saved_reads_back_to_the_same_bits) {
  const test::TemporaryDirectory directory;
  const Arrays wanted = of_all_kinds();
  save_npz(directory / "all.npz", wanted);
  const Arrays got = load_npz(directory / "all.npz");
  BOOST_REQUIRE(got.size() == wanted.size());
  for (const auto& [name, value] : wanted) BOOST_TEST(same(got.at(name), value), name);
  save_npz(directory / "again.npz", got);
  BOOST_TEST(test::file_bytes(directory / "again.npz") == test::file_bytes(directory / "all.npz"));
}

// EBB_NUMPY_PYTHON names a Python that has NumPy.
BOOST_AUTO_TEST_CASE(numpy_reads_what_is_saved) {
  const test::TemporaryDirectory directory;
  save_npz(directory / "all.npz", of_all_kinds());
  const char* const python = std::getenv("EBB_NUMPY_PYTHON");
  const std::string command =
      text(python != nullptr ? python : "python3", ' ', EBB_SOURCE_DIR, "/tests/golden/npz_check.py ",
           (directory / "all.npz").string(), " >", (directory / "said").string(), " 2>&1");
  const int status = std::system(command.c_str()) >> 8;
  const std::string said = test::text_of(test::file_bytes(directory / "said"));
  BOOST_TEST_MESSAGE(said);
  BOOST_TEST((status == 0 || status == 77), said);
}

BOOST_AUTO_TEST_CASE(arrays_that_are_none_of_ours_are_refused_with_a_remedy) {
  const auto array = [](const std::string& type, const std::string& shape, std::size_t bytes) {
    return refusal(alone(npy(npy_facts(type, shape), zeros(bytes))));
  };
  BOOST_TEST(array("<f4", "(2,)", 8) == "");
  for (const auto& [type, part] : {std::pair{"|O", "Python objects"},
                                   {"O", "Python objects"},
                                   {">f4", "big-endian"},
                                   {"<c8", "'<c8'"},
                                   {"|b1", "astype"},
                                   {"<U3", "astype"},
                                   {"", "astype"}}) {
    const std::string said = array(type, "(2,)", 8);
    BOOST_TEST((has(said, part) || has(said, "numbers of the type")), type << ": " << said);
    BOOST_TEST(has(said, "input:a"), said);
  }
  BOOST_TEST(has(refusal(alone(npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }", zeros(8)))),
                 "records"));
  BOOST_TEST(has(array("<f4", "(1, 1, 1, 1, 1, 1, 1)", 4), "dimensions"));
}

BOOST_AUTO_TEST_CASE(sizes_are_checked_before_memory_is_asked_for) {
  const auto array = [](const std::string& shape, std::size_t bytes) {
    return refusal(alone(npy(npy_facts("<f4", shape), zeros(bytes))));
  };
  BOOST_TEST(array("(2, 3)", 24) == "");
  for (const char* const shape : {"(1099511627776,)", "(4294967296, 4294967296)", "(9223372036854775807, 9)", "(-1,)",
                                  "(18446744073709551616,)", "(3, 3)", "(2, 2)", "(2 3)", "(6)", "(,)", "(1,,6)", "6"})
    BOOST_TEST(!array(shape, 24).empty(), shape);
  BOOST_TEST(has(array("(3, 3)", 24), "its numbers"));
}

BOOST_AUTO_TEST_CASE(headers_that_numpy_does_not_write_are_refused) {
  const std::string good = npy_facts("<f4", "(1,)");
  for (const int version : {1, 2, 3}) BOOST_TEST(refusal(alone(npy(good, zeros(4), version))) == "");
  BOOST_TEST(refusal(alone(npy(R"({"shape":(1,),"descr":"<f4","fortran_order":True})", zeros(4)))) == "");
  for (const std::string& bad : std::vector<std::string>{
           "", "{}", "{'descr': '<f4', 'fortran_order': False}", good + "x", good.substr(1), "[" + good + "]",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 'x'}",
           "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1,), }", std::string(20'000, ' ')})
    BOOST_TEST(!refusal(alone(npy(bad, zeros(4)))).empty(), bad.substr(0, 80));
  BOOST_TEST(has(refusal(alone(npy(good, zeros(4), 4))), "version 4.0"));
  BOOST_TEST(has(refusal(alone(test::bytes_of("no array at all"))), "numpy.save"));
}

BOOST_AUTO_TEST_CASE(archives_that_are_damaged_are_refused) {
  const Bytes array = npy(npy_facts("<f4", "(16,)"), zeros(64));
  for (const bool deflated : {false, true}) {
    const Bytes good = test::zip({{"a.npy", array, deflated}, {"b.npy", array, deflated}});
    BOOST_TEST(refusal(good) == "");
    for (std::size_t size = 0; size < good.size(); ++size)
      BOOST_TEST(!refusal(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).empty(), size);
    Bytes changed = good;  // a byte of the numbers, or of what they are packed to
    changed[30 + 5 + (deflated ? 20 : 100)] ^= std::byte{1};
    BOOST_TEST(!refusal(changed).empty());
  }
  BOOST_TEST(has(refusal(test::zip({})), "damaged"));  // nothing in it
  BOOST_TEST(has(refusal(test::zip({{"a.npy", array}, {"a.npy", array}})), "twice"));
  BOOST_TEST(has(refusal(test::zip({{"readme.txt", array}})), "readme.txt"));
  BOOST_TEST(has(refusal(test::zip({{".npy", array}})), "arrays alone"));
  BOOST_TEST(has(refusal(test::zip({{std::string(600, 'a') + ".npy", array}})), "at most"));
  BOOST_TEST(has(refusal(alone(npy(npy_facts("<f4", "(16,)"), zeros(65)))), "input:a"));
}

BOOST_AUTO_TEST_CASE(names_that_an_archive_cannot_hold_are_refused_and_nothing_is_written) {
  const test::TemporaryDirectory directory;
  test::put_file(directory / "there.npz", "precious");
  for (const std::string& name : std::vector<std::string>{"", "a b", "a\n", "\xc3\xa4", std::string(513, 'a')})
    BOOST_CHECK_THROW(save_npz(directory / "there.npz", {{name, Tensor::zeros({1})}}), Error);
  BOOST_CHECK_THROW(save_npz(directory / "there.npz", {{"a", Tensor()}}), Error);
  BOOST_TEST(test::text_of(test::file_bytes(directory / "there.npz")) == "precious");
  BOOST_CHECK_THROW(save_npz(directory / "nowhere" / "x.npz", {{"a", Tensor::zeros({1})}}), Error);
  BOOST_TEST(directory.files() == std::vector<std::string>{"there.npz"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb

#pragma once

#include "ring/bit_reversal.hpp"
#include "ring/kernels/tail_passes.hpp"
#include "ring/ntt_table.hpp"

/// Where the vector transforms have what. Include a vector header first: it says how many slots a vector has.
namespace obscura::ring {
namespace {

/// The head's stages: those of the roots, after which the lanes of a vector are slots; `class_stages` on vectors of
/// equal position in the 2^class_stages classes that a root's segment is divided into, the last three at once.
constexpr int classes = head_slots / lanes, class_stages = head_stages - lanes_log;
constexpr int first_class_stages = class_stages - 3;
/// Vectors of a column.
constexpr int column_vectors = column_slots / lanes;
/// The smallest ring with a whole vector of positions in half a class.
constexpr int min_vector_log_degree = head_stages + lanes_log + 1;

/// Where things are in a ring of degree 2^log_degree, and its work area: column after column of rows of 16 words, with
/// a line more between them, because of caches that keep few lines a power of two apart.
struct Geometry {
    int degree, tail_stages, rows;
    int segment;  ///< words of one root's segment
    std::size_t column_stride;
    explicit Geometry(int log_degree)
        : degree(1 << log_degree),
          tail_stages(log_degree - head_stages),
          rows(1 << tail_stages),
          segment(degree / lanes),
          column_stride(static_cast<std::size_t>(rows + 1) * column_slots) {}
    std::size_t work_words() const { return columns * column_stride; }
    std::size_t tail_twiddles(int column) const { return static_cast<std::size_t>(column) * (rows - 1) * column_slots; }
    /// Where the work area has the row with position p < rows of all classes.
    std::size_t row(int position) const {
        return std::size_t{reverse_bits(static_cast<u32>(position), tail_stages)} * column_slots;
    }
    /// Where that row has its i-th vector.
    std::size_t in_row(std::size_t i) const { return i / column_vectors * column_stride + i % column_vectors * lanes; }
};

}  // namespace
}  // namespace obscura::ring

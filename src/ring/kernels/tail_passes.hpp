#pragma once

/// How vector transforms divide the stages of a column, below the head, among passes: few passes of two or three
/// stages, the deepest of two where possible, as these have the most twiddles, and rows of the array that are far
/// apart.
namespace obscura::ring {

/// Stages of the first pass when `left` remain, left >= 2.
constexpr int first_stages(int left) {
    return left == 2 || left == 4 ? 2 : 3;
}
/// The same division from below: stages of the last pass of `count`, count >= 2.
constexpr int last_stages(int count) {
    return count % 3 == 0 ? 3 : 2;
}

}  // namespace obscura::ring

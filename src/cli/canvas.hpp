#pragma once

#include <cstdint>
#include <string>

#include "io/picture.hpp"

/// A picture to draw on: filled rectangles, enlarged images, and text in a small built-in font.
namespace obscura::cli {

struct Colour {
    std::uint8_t red = 0;
    std::uint8_t green = 0;
    std::uint8_t blue = 0;
};

inline constexpr int glyph_width = 5;
inline constexpr int glyph_height = 7;
inline constexpr int glyph_advance = 6;

class Canvas {
  public:
    Canvas(int width, int height, Colour background);

    /// What lies outside the picture is not drawn, here and below.
    void fill(int x, int y, int width, int height, Colour colour);
    /// `pixels` is [height][width][channels] with 1 or 3 channels; every pixel becomes a square of side `zoom`.
    void image(int x, int y, const std::uint8_t* pixels, int width, int height, int channels, int zoom);
    /// Letters (shown as capitals), digits and a little punctuation; anything else is a blank. Top left corner at x, y.
    void text(int x, int y, const std::string& text, int zoom, Colour colour);

    const io::Picture& picture() const { return picture_; }

  private:
    io::Picture picture_;
};

}  // namespace obscura::cli

#pragma once

#include "base/progress.hpp"
#include "base/thread_pool.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"

namespace obscura::compiler {

/// Images sought for the largest use of a plan's range (stress.hpp): from each of `start`, twenty steps of projected
/// sign ascent along PeakGradient, of 16 grey levels falling to 4, within 0..255. The best image on the way is kept.
/// A search, not a bound: other images may be worse. ResNet-20 takes about a second an image and core.
/// Throws Error(cancelled) when `progress` says so.
io::Images worst_images(const plan::Plan& plan, const io::Images& start, ThreadPool& pool, Progress& progress);

}  // namespace obscura::compiler

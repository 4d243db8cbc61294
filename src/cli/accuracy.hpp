#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/report.hpp"
#include "io/images.hpp"
#include "plan/plan.hpp"
#include "runtime/client.hpp"

/// Decrypted scores against the true labels and against the same network run in the clear.
namespace obscura::cli {

struct Accuracy {
    int images = 0;
    bool labelled = false;
    double accuracy_encrypted = 0;  ///< part of the images whose decrypted class is the label
    double accuracy_plain = 0;      ///< the same for the plain quantised network
    double agreement = 0;           ///< part of the images where both give the same class
    int lost = 0;                   ///< images whose scores are noise; neither right nor agreeing
    double logit_error_max =
        0;  ///< largest |decrypted - plain| score, of images that are not lost; infinite if all are
    double logit_error_rms = 0;
    std::vector<int> plain;  ///< class of each image in the clear
};

/// Runs the plan's network in the clear on the first `scores.images` images and compares. Labels come from `labels` or
/// are absent (empty). Only the first `distinct` images are run, and must repeat from there on; 0: all are different.
/// Throws Error(usage) if there are fewer images or labels than scores.
Accuracy measure_accuracy(const plan::Plan& plan, const runtime::Scores& scores, const io::Images& images,
                          std::span<const std::uint8_t> labels, int threads, int distinct = 0);

/// Part of the labels that `best` hits. Both of the same length.
double hit_rate(std::span<const int> best, std::span<const std::uint8_t> labels);

/// Adds images, images_lost, accuracy_encrypted, accuracy_plain (if labelled), agreement, logit_error_max,
/// logit_error_rms and the errors' base-2 logarithms (logit_error_max_bits, logit_error_rms_bits) to a report.
void add_to_report(Json& report, const Accuracy& accuracy);

/// The same as rows of a table.
std::vector<std::pair<std::string, std::string>> table_rows(const Accuracy& accuracy);

}  // namespace obscura::cli

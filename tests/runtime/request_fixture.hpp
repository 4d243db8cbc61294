#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "io/scratch.hpp"
#include "runtime/client.hpp"
#include "runtime/server.hpp"
#include "runtime/toy_network.hpp"

/// A toy plan with keys and a request on disk, made once for all tests that share them.
namespace obscura::test {

class Silent : public Progress {
  public:
    void update(double, double, const std::string&) override {}
};

/// Says stop at the n-th update, and counts them.
class StopAfter : public Silent {
  public:
    explicit StopAfter(int last) : left_(last) {}
    void update(double, double, const std::string&) override {
        ++updates;
        --left_;
    }
    bool cancelled() const override { return left_ <= 0; }
    int updates = 0;

  private:
    int left_;
};

struct Deployment {
    explicit Deployment(const ToyShape& shape, int images, unsigned seed = 1)
        : Deployment(toy_plan(shape, seed), images) {}
    Deployment(plan::Plan of_plan, int images) : plan(std::move(of_plan)), pictures(random_images(plan, images, 2)) {
        Silent silent;
        runtime::generate_keys(plan, secret(), evaluation(), false, silent);
        runtime::encrypt(plan, secret(), pictures, request(), 1, silent);
    }
    std::string secret() const { return folder / "secret"; }
    std::string evaluation() const { return folder / "evaluation"; }
    std::string request() const { return folder / "request"; }
    std::string response() const { return folder / "response"; }

    /// Runs the server; by default on the files above.
    runtime::InferenceReport infer(const std::string& keys, const std::string& batch, const std::string& result,
                                   int threads = 1) const {
        Silent silent;
        runtime::InferenceOptions options;
        options.threads = threads;
        return runtime::infer(plan, keys, batch, result, options, silent);
    }
    runtime::InferenceReport infer(int threads = 1) const {
        return infer(evaluation(), request(), response(), threads);
    }

    runtime::Scores decrypt(const std::string& result, const std::optional<std::string>& answered = {}) const {
        Silent silent;
        return runtime::decrypt(plan, secret(), {result, answered}, silent);
    }
    runtime::Scores decrypt() const { return decrypt(response()); }

    const testing::Scratch folder;
    const plan::Plan plan;
    const io::Images pictures;
};

}  // namespace obscura::test

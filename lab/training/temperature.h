/// \file
/// How sure a classifier is beside how often it is right, and the temperature that mends it.
#pragma once

#include <vector>

#include "lab/training/evaluation.h"

namespace ebb {

/// Mean of -log softmax(logits / temperature)[label], in double.
/// \param logits `[n, classes]`, f32 or f64, finite. \param labels `[n]`, i64. \param temperature positive.
/// \throws Error when shapes or types do not match, for no samples, a label out of range, a logit that is not finite or
/// a temperature that is not positive.
double negative_log_likelihood(const Tensor& logits, const Tensor& labels, double temperature = 1);

/// The temperature of the least negative_log_likelihood(), where the mean logit of the labels is that which the
/// probabilities expect; to about 1e-14 of itself. Guo et al. 2017, https://arxiv.org/abs/1706.04599.
/// \throws Error as above, and when there is no such temperature: labels that all have the greatest logit ask for 0,
/// labels whose logits are no greater than the mean of their samples' for an infinite one.
double fit_temperature(const Tensor& logits, const Tensor& labels);

/// How each sample is evaluated at a temperature. Parameters and errors as of negative_log_likelihood().
std::vector<EvaluatedSample> evaluated_samples(const Tensor& logits, const Tensor& labels, double temperature = 1);

/// As calibration_error(), over bins of equal numbers of samples by confidence, of equal confidences in the order
/// given: |accuracy - mean confidence|, weighted by the numbers of samples, which differ by one at most.
/// Nixon et al. 2019, https://arxiv.org/abs/1904.01685. 0 for no samples, NaN when one got no prediction.
/// \throws Error for fewer than one bin.
double calibration_error_by_mass(const std::vector<EvaluatedSample>& samples, int bins = 15);

}  // namespace ebb

#pragma once

namespace defound {

/// Student's t distribution with `dof` degrees of freedom (> 0): P(T <= t), and its inverse for 0 < p < 1.
double student_t_cdf(double t, double dof);
double student_t_quantile(double p, double dof);

}  // namespace defound

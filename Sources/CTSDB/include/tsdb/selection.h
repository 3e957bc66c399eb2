// Quantiles of a column of values, by selection: what quantile(), quantile_over_time() and mad_over_time() share.
#ifndef TSDB_SELECTION_H
#define TSDB_SELECTION_H

#include <stddef.h>
#include <stdint.h>

/// The φ-quantile of values[count], whose order is changed: linear between neighbours at rank φ·(count - 1); NaN values count
/// as smallest. NaN if there are none or φ is NaN, -Inf for φ below 0, +Inf for φ above 1.
///
/// Cost: O(count) on average, O(count · log count) at worst, whatever the values; no allocation.
double tsdb_quantile_of(double *values, size_t count, double phi);

/// Sorts values[count], none of which is NaN, from the least to the greatest.
///
/// Cost: O(count · log count), whatever the values; no allocation.
void tsdb_sort_values(double *values, size_t count);

#endif

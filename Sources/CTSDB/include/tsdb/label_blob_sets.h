// Label blobs (series_response.h) as label sets (label_sets.h): from the form that is merged and sent to the form that queries
// group, match and hash.
#ifndef TSDB_LABEL_BLOB_SETS_H
#define TSDB_LABEL_BLOB_SETS_H

#include "series_response.h"
#include "status.h"

/// Writes the labels of series as label sets, one behind the other. Labels without a value are left out.
///
/// Shapes:  series[count]; set_ends[count]: where each set ends in dst, the first begins at 0. The sum of the blobs' sizes as
///          dst_capacity always suffices.
/// Returns: TSDB_OK; TSDB_ERR_MALFORMED for a blob that is none; TSDB_ERR_SIZE for a text of 16 MiB and more;
///          TSDB_ERR_CAPACITY. On error dst and set_ends are unspecified.
/// Cost:    O(bytes); no allocation.
tsdb_status tsdb_label_blobs_to_sets(const tsdb_wire_series *series, size_t count, uint8_t *dst, size_t dst_capacity,
                                     size_t *set_ends);

#endif

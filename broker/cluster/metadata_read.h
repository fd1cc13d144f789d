/* SPDX-License-Identifier: Apache-2.0
 *
 * The readings behind cluster/metadata.h; private to it.
 */
#ifndef CLUSTER_METADATA_READ_H
#define CLUSTER_METADATA_READ_H

#include "cluster/metadata.h"

void metadata_read_init(struct metadata *metadata);
/* All is read again, as soon as nothing is being read. */
void metadata_scan_soon(struct metadata *metadata);
/* The topic goes: readings of it are to be dropped when they arrive. */
void metadata_forget_reads(struct metadata *metadata, struct topic *topic);
/* At release, when the coordinator will not answer any more. */
void metadata_drop_reads(struct metadata *metadata);

#endif

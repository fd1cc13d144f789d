/* SPDX-License-Identifier: Apache-2.0
 *
 * Roles: which one the state asks for, and the way there. What a leader
 * does is in cluster/leader.c, what a follower does in cluster/fetcher.c.
 */
#include "cluster/partition.h"

#include <string.h>

#include "base/assert.h"
#include "cluster/leader.h"
#include "cluster/replicas.h"
#include "cluster/topic_config.h"
#include "seam/trace.h"

#define SAY_AGAIN_US 60000000

struct seam *partition_seam(const struct partition *partition)
{
    return partition->replicas->seam;
}

static void on_progress(struct log_owner *owner)
{
    struct partition *partition =
        container_of(owner, struct partition, log_owner);

    if (partition->role == PARTITION_LEADER) {
        leader_progress(partition);
        return;
    }
    partition_wake(&partition->data_waiters); /* who mends from here */
    if (partition->role == PARTITION_FOLLOWER)
        fetcher_progress(partition->fetcher, partition);
    else
        partition_update(partition);
}

static void on_taken_back(struct log_owner *owner)
{
    struct partition *partition =
        container_of(owner, struct partition, log_owner);

    if (partition->role == PARTITION_LEADER)
        leader_taken_back(partition);
    else if (partition->role == PARTITION_FOLLOWER)
        fetcher_taken_back(partition->fetcher, partition);
}

/* Readers there are told to ask again. */
static void on_damage(struct log_owner *owner)
{
    struct partition *partition =
        container_of(owner, struct partition, log_owner);

    if (partition->role == PARTITION_LEADER)
        leader_wake_readers(partition);
    partition->beyond_mending = false;
    partition->damage_counts = partition->role != PARTITION_NONE &&
                               partition_has_uncommitted_damage(partition);
    mender_kick(&partition->replicas->mender);
}

void partition_init(struct partition *partition, struct replicas *replicas,
                    const struct partition_key *key)
{
    memset(partition, 0, sizeof *partition);
    partition->replicas = replicas;
    partition->key = *key;
    partition->log_owner.on_progress = on_progress;
    partition->log_owner.on_taken_back = on_taken_back;
    partition->log_owner.on_damage = on_damage;
    list_init(&partition->alter_node);
    list_init(&partition->data_waiters);
    list_init(&partition->watermark_waiters);
    list_init(&partition->leader_acks);
    list_init(&partition->all_acks);
    list_init(&partition->floor_waiters);
    list_init(&partition->fetch_node);
    list_init(&partition->position_node);
    list_init(&partition->copying_node);
}

static void note_role(struct partition *partition, enum fact_role role)
{
    struct fact fact = {
        .type = FACT_ROLE,
        .key = partition->key,
        .leader_epoch = (int32_t)partition->state.leader_epoch,
        .offset = partition->log ? partition->log->log_end_offset : 0,
        .value = role,
    };

    trace_fact(partition_seam(partition)->trace, &fact);
}

/* Stops whatever the role does. */
static void step_down(struct partition *partition)
{
    enum partition_role was = partition->role;

    if (was == PARTITION_NONE)
        return;
    partition->role = PARTITION_NONE;
    note_role(partition, FACT_ROLE_NONE);
    if (was == PARTITION_LEADER) {
        leader_stop(partition);
    } else {
        fetcher_remove(partition->fetcher, partition);
        partition->fetcher = NULL;
    }
}

void partition_release(struct partition *partition)
{
    step_down(partition);
    list_remove(&partition->copying_node);
    if (partition->log != NULL)
        log_set_owner(partition->log, NULL);
    partition->log = NULL;
    partition_wake(&partition->data_waiters);
}

void partition_suspend(struct partition *partition)
{
    list_remove(&partition->copying_node);
    step_down(partition);
    partition->state_known = false;
    partition->role_epoch = 0;
}

/* ---- which role ---- */

static enum partition_role wanted_role(const struct partition *partition)
{
    const struct partition_state *state = &partition->state;
    const struct replicas *replicas = partition->replicas;
    struct replica self = replicas_self(replicas);

    if (!replicas->reported || !partition->state_known || partition->stopping ||
        partition_is_offline(partition) || state->leader == NO_BROKER ||
        !partition_state_has_replica(state, self.broker_id))
        return PARTITION_NONE;
    if (state->leader != self.broker_id)
        return PARTITION_FOLLOWER;
    /* Named as leader under an older registration: the controller has not
     * seen yet that we came back. */
    return replica_set_has_epoch(&state->isr, self.broker_id, self.broker_epoch)
               ? PARTITION_LEADER
               : PARTITION_NONE;
}

static bool has_role(const struct partition *partition,
                     enum partition_role wanted)
{
    return partition->role == wanted &&
           partition->role_epoch == partition->state.leader_epoch &&
           partition->role_leader == partition->state.leader;
}

/* ---- the log ---- */

/* Named under an epoch that the log's directory was not used under (L12). */
static bool named_elsewhere(const struct partition *partition,
                            const struct replica_set *set)
{
    struct replica self = replicas_self(partition->replicas);

    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].broker_id == self.broker_id)
            return set->members[i].broker_epoch != self.broker_epoch &&
                   !log_directory_lived(partition->log->directory,
                                        set->members[i].broker_epoch);
    return false;
}

bool partition_is_older(const struct partition *partition)
{
    return partition->log != NULL && partition->state_known &&
           (named_elsewhere(partition, &partition->state.isr) ||
            named_elsewhere(partition, &partition->state.eligible));
}

bool partition_is_whole(const struct partition *partition)
{
    const struct log *log = partition->log;

    return log != NULL && !log->lossy &&
           !(partition->state.lazy && log->doubtful) &&
           !partition_is_older(partition);
}

bool partition_is_offline(const struct partition *partition)
{
    return partition->offline ||
           (partition->log != NULL &&
            log_directory_failed(partition->log->directory));
}

bool partition_has_uncommitted_damage(const struct partition *partition)
{
    const struct log *log = partition->log;

    if (log == NULL || !log->damaged)
        return false;
    /* a stretch over the watermark: nobody knows yet how far it is damaged */
    return log->damage_offset >= partition->high_watermark ||
           (partition->state.replica_count > 1 &&
            log->damage_end_offset > partition->high_watermark);
}

int64_t partition_counted_offset(const struct partition *partition)
{
    const struct log *log = partition->log;
    int64_t counted = log_counted_offset(log);
    int64_t end = log->damage_offset > partition->high_watermark
                      ? log->damage_offset
                      : partition->high_watermark;

    return partition_has_uncommitted_damage(partition) && end < counted &&
                   (partition->state.isr.count > 1 || partition->damage_counts)
               ? end
               : counted;
}

bool partition_is_lost(const struct partition *partition)
{
    struct replica self = replicas_self(partition->replicas);
    const struct partition_state *state = &partition->state;
    bool named = (replica_set_has(&state->isr, self.broker_id) &&
                  !replica_set_has_epoch(&state->isr, self.broker_id,
                                         self.broker_epoch)) ||
                 (replica_set_has(&state->eligible, self.broker_id) &&
                  !replica_set_has_epoch(&state->eligible, self.broker_id,
                                         self.broker_epoch));

    return named && !state->fresh && !partition_is_whole(partition) &&
           !partition_is_offline(partition);
}

bool partition_spares_self(const struct partition *partition)
{
    return partition_state_spares(&partition->state,
                                  replicas_self(partition->replicas).broker_id);
}

/* It asks to be left out, again and again. */
bool partition_is_outdone(const struct partition *partition)
{
    if (partition->role == PARTITION_FOLLOWER)
        return partition->outlived && !partition_spares_self(partition);
    return partition->role == PARTITION_LEADER &&
           (partition->outdone || partition_is_hopeless(partition));
}

bool partition_is_hopeless(const struct partition *partition)
{
    const struct partition_state *state = &partition->state;

    return partition->beyond_mending &&
           partition_has_uncommitted_damage(partition) &&
           state->isr.count + state->eligible.count > 1;
}

bool partition_says(const struct partition *partition, int64_t *said_us)
{
    int64_t now_us = partition_seam(partition)->now.monotonic_us;

    if (*said_us > 0 && now_us - *said_us < SAY_AGAIN_US)
        return false;
    *said_us = now_us;
    return true;
}

static void log_created(void *context, enum error error, struct log *log)
{
    struct partition *partition = context;

    partition->operations--;
    partition->log_creating = false;
    if (error != ERROR_NONE) { /* the directory is fenced */
        replicas_set_offline(partition);
    } else {
        partition_set_log(partition, log);
        partition_configure(partition); /* they may have changed (R8) */
    }
    if (!replicas_reap(partition))
        partition_update(partition);
}

static void create_log(struct partition *partition)
{
    struct replicas *replicas = partition->replicas;
    struct log_directory *directory =
        log_directories_removing(replicas->directories, &partition->key);
    struct log_settings settings =
        topic_log_settings(partition->topic, partition->state.lazy,
                           &replicas->options.log_settings);

    if (directory == NULL) /* else where an older one was, once it is gone */
        directory = log_directories_choose(replicas->directories);
    if (directory == NULL)
        return; /* none is left: the broker stops */
    /* what is in it may come back */
    if (log_directory_failed(directory)) {
        replicas_set_offline(partition);
        return;
    }
    partition->log_creating = true;
    partition->operations++;
    log_create(directory, &partition->key, &settings, log_created, partition);
}

void partition_configure(struct partition *partition)
{
    const struct replicas *replicas = partition->replicas;
    struct log_settings settings;

    if (partition->log == NULL || partition->topic == NULL)
        return;
    settings = topic_log_settings(partition->topic, partition->state.lazy,
                                  &replicas->options.log_settings);
    if (settings.flush_ms != partition->log->settings.flush_ms)
        partition->told_counted = NO_POSITION; /* another one counts now */
    log_configure(partition->log, &settings);
}

static void note_lazy(struct partition *partition)
{
    struct fact fact = {
        .type = FACT_LAZY,
        .key = partition->key,
        .leader_epoch = (int32_t)partition->state.leader_epoch,
        .offset = (int64_t)partition->state.partition_epoch,
        .value = partition->state.lazy,
    };

    if (partition->state.lazy == partition->lazy_told)
        return;
    partition->lazy_told = partition->state.lazy;
    trace_fact(partition_seam(partition)->trace, &fact);
}

static void note_unclean(struct partition *partition)
{
    struct fact fact = {
        .type = FACT_UNCLEAN,
        .key = partition->key,
        .leader_epoch = (int32_t)partition->state.leader_epoch,
        .value = partition->state.unclean_epoch,
    };

    if (partition->state.unclean_epoch == partition->unclean_told)
        return;
    partition->unclean_told = partition->state.unclean_epoch;
    trace_fact(partition_seam(partition)->trace, &fact);
}

/* What the checkpoint remembers is known here from now on. */
static void note_watermark(struct partition *partition)
{
    struct fact fact = {
        .type = FACT_HIGH_WATERMARK,
        .key = partition->key,
        .end_offset = partition->high_watermark,
    };

    if (partition->high_watermark > 0)
        trace_fact(partition_seam(partition)->trace, &fact);
}

void partition_set_log(struct partition *partition, struct log *log)
{
    ASSERT(partition->log == NULL);
    partition->log = log;
    partition->high_watermark = log->high_watermark;
    if (partition->high_watermark < log->log_start_offset)
        partition->high_watermark = log->log_start_offset;
    if (partition->high_watermark > log->log_end_offset)
        partition->high_watermark = log->log_end_offset;
    note_watermark(partition);
    log_set_owner(log, &partition->log_owner);
    if (log->damaged)
        mender_kick(&partition->replicas->mender);
}

/* ---- becoming ---- */

/* The directory knows the life that the replica counts under from here on. */
static void assert_stored(const struct partition *partition)
{
    uint64_t life = replicas_self(partition->replicas).broker_epoch;

    ASSERT_INVARIANT(L12,
                     log_directory_in_life(partition->log->directory, life));
}

static void become_follower(struct partition *partition)
{
    struct replicas *replicas = partition->replicas;

    assert_stored(partition);
    partition->outdone = false; /* it follows who knows more */
    partition->role = PARTITION_FOLLOWER;
    partition->role_leader = partition->state.leader;
    partition->role_epoch = partition->state.leader_epoch;
    partition->fetcher = replicas_fetcher(replicas, partition->state.leader);
    note_role(partition, FACT_ROLE_FOLLOWER);
    fetcher_add(partition->fetcher, partition);
}

static void epoch_noted(void *context, enum error error)
{
    struct partition *partition = context;

    partition->operations--;
    partition->role_changing = false;
    if (replicas_reap(partition) || error != ERROR_NONE)
        return; /* an error: the directory is fenced */
    if (wanted_role(partition) == PARTITION_LEADER &&
        log_last_epoch(partition->log) == partition->state.leader_epoch) {
        assert_stored(partition);
        partition->role = PARTITION_LEADER;
        partition->gives = true; /* if it is leaving already */
        partition->role_leader = partition->state.leader;
        partition->role_epoch = partition->state.leader_epoch;
        note_role(partition, FACT_ROLE_LEADER);
        leader_start(partition);
        return;
    }
    partition_update(partition);
}

static void began_anew(void *context, enum error error)
{
    struct partition *partition = context;

    partition->operations--;
    if (replicas_reap(partition) || error != ERROR_NONE)
        return; /* an error: the directory is fenced */
    partition_update(partition);
}

/* Elected uncleanly, with less than what is gone for good: nothing that is
 * here is to be read any more, and what it would take below the floor would be
 * gone with it. */
static void begin_at_floor(struct partition *partition)
{
    struct log *log = partition->log;
    int64_t floor = partition->state.log_start_floor;

    SOMETIMES(partition_seam(partition)->trace, LEADER_BEGAN_AT_FLOOR);
    trace_log(partition_seam(partition)->trace, TRACE_WARN,
              "partition %s/%u: the log ends at offset %lld, and the records "
              "below %lld have been deleted: this leader begins there",
              partition->topic->name, partition->key.partition,
              (long long)log->log_end_offset, (long long)floor);
    partition->operations++;
    log_restart_at(log, floor, began_anew, partition);
}

static void become_leader(struct partition *partition)
{
    if (log_last_epoch(partition->log) > partition->state.leader_epoch) {
        trace_log(partition_seam(partition)->trace, TRACE_ERROR,
                  "partition %s/%u: the log holds epoch %u, ZooKeeper says %u; "
                  "the partition is not served",
                  partition->topic->name, partition->key.partition,
                  log_last_epoch(partition->log),
                  partition->state.leader_epoch);
        return;
    }
    if (partition->log->log_end_offset < partition->state.log_start_floor) {
        begin_at_floor(partition);
        return;
    }
    partition->role_changing = true;
    partition->operations++;
    log_begin_epoch(partition->log, partition->state.leader_epoch, epoch_noted,
                    partition);
}

static bool drained(const struct partition *partition)
{
    return partition->operations == 0 &&
           partition->log->next_offset == partition->log->log_end_offset &&
           !partition->log->truncating;
}

void partition_update(struct partition *partition)
{
    enum partition_role wanted = wanted_role(partition);

    if (has_role(partition, wanted))
        return;
    step_down(partition);
    if (wanted == PARTITION_NONE || partition->operations > 0)
        return;
    if (partition_is_lost(partition)) {
        replicas_report(partition->replicas);
        return;
    }
    if (partition->log == NULL) {
        create_log(partition);
        return;
    }
    if (!drained(partition))
        return; /* on_progress brings us back */
    if (wanted == PARTITION_FOLLOWER)
        become_follower(partition);
    else
        become_leader(partition);
}

static void note_older(struct partition *partition)
{
    struct seam *seam = partition_seam(partition);

    if (!partition_is_older(partition) || partition->older_told)
        return;
    partition->older_told = true;
    SOMETIMES(seam->trace, OLDER_DISK);
    trace_log(seam->trace, TRACE_ERROR,
              "partition %s/%u: its log directory was not here when this "
              "replica was last in sync: the replica counts as lost and is "
              "fetched again. If no other one has the records, stop this "
              "broker and bring back the disk that was used then",
              partition->topic->name, partition->key.partition);
}

void partition_set_state(struct partition *partition, struct topic *topic,
                         const struct partition_state *state)
{
    partition->topic = topic;
    partition->state = *state;
    partition->state_known = true;
    throttle_note(&partition->replicas->throttle, partition);
    note_lazy(partition);
    note_unclean(partition);
    partition_configure(partition);
    note_older(partition);
    if (partition->proposed &&
        state->partition_epoch > partition->proposed_at) {
        partition->proposed = false;
        partition->resigning = false;
        partition->alter_sent = false; /* what is answered yet was another */
        list_remove(&partition->alter_node);
    }
    partition_update(partition);
    if (partition->log != NULL) {
        struct replica self = replicas_self(partition->replicas);

        if (replica_set_has_epoch(&state->isr, self.broker_id,
                                  self.broker_epoch))
            log_trust(partition->log);
        partition_apply_floor(partition);
    }
    if (partition->role == PARTITION_LEADER) {
        leader_progress(partition);
        partition_review_isr(partition);
    }
}

int64_t partition_log_start(const struct partition *partition)
{
    int64_t floor = partition->state.log_start_floor;

    if (floor > partition->high_watermark)
        floor = partition->high_watermark;
    return floor > partition->log->log_start_offset
               ? floor
               : partition->log->log_start_offset;
}

void partition_apply_floor(struct partition *partition)
{
    int64_t floor = partition->state.log_start_floor;
    struct log *log = partition->log;

    if (!partition->state_known || partition->operations > 0 ||
        partition->role == PARTITION_NONE)
        return;
    if (floor > partition->high_watermark)
        floor = partition->high_watermark;
    /* Where a log begins it begins with a batch; readers are told the floor
     * (partition_log_start), which may lie inside of one (decision 0016). */
    floor = log_start_at(log, floor);
    if (floor > log->log_start_offset)
        log_advance_start(log, floor);
}

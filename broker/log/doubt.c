/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the mark that a directory failed: an empty file, `failed`. After a
 * failed write or sync the kernel may have dropped pages that had been
 * written and not synced, and only this process knows. The next start, though
 * no reboot lies between, takes all logs for doubtful when it finds the mark,
 * stores that in the checkpoint, and then removes the mark.
 *
 * The mark is not synced: with the power go the pages too, and the boot id
 * tells (checkpoint.c). A disk that takes no mark leaves none.
 */
#include "log/internal.h"

#define MARK_WAIT_US 1000000 /* a disk that hangs is not waited for longer */

static void end(struct log_directory *directory)
{
    if (!directory->doubt.marking)
        return;
    directory->doubt.marking = false;
    timer_stop(directory->seam->timers, &directory->doubt.timer);
    directory_tell_failed(directory);
}

static void marked(struct steps *steps, enum error error)
{
    struct log_directory *directory = steps->context;

    if (steps->request.error == ERROR_NONE)
        disk_close(directory->seam->disk, steps->file);
    else if (error != ERROR_NONE)
        trace_log(directory->seam->trace, TRACE_WARN,
                  "%s/" FAILED_NAME ": %s; the next start will not know that "
                  "the directory failed, unless the machine is started anew: "
                  "do so if it holds topics with flush.ms other than 0",
                  directory->options.path, error_sentence(error));
    steps_release(steps);
    end(directory);
}

static void wait_fire(struct timer *timer)
{
    end(container_of(timer, struct log_directory, doubt.timer));
}

void doubt_mark(struct log_directory *directory)
{
    struct doubt *doubt = &directory->doubt;
    struct seam *seam = directory->seam;
    bool leave = directory->ours && directory->error != ERROR_FOREIGN;

    doubt->marking = true;
    doubt->timer.fire = wait_fire;
    timer_start(seam->timers, &doubt->timer,
                seam->now.monotonic_us + (leave ? MARK_WAIT_US : 0));
    if (!leave)
        return; /* what is refused is left as it is */
    steps_init(&doubt->steps, seam, marked, directory);
    steps_open(&doubt->steps,
               path_of(seam->heap, directory->options.path, FAILED_NAME),
               DISK_OPEN_CREATE_EXCL);
    doubt->steps.items[0].allowed = ERROR_EXISTS;
    steps_run(&doubt->steps);
}

void doubt_release(struct log_directory *directory)
{
    timer_stop(directory->seam->timers, &directory->doubt.timer);
    steps_release(&directory->doubt.steps);
}

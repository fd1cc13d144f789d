/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole cluster in one directory, for developing and testing:
 *
 *     DIR/cluster                 ports, number of brokers, settings
 *     DIR/lock                    one kq dev at a time
 *     DIR/zookeeper/{zoo.cfg,data,log,pid}
 *     DIR/broker-N/{broker.properties,data,data-2,...,log,pid}
 *
 * A pid file holds the process id, its start time and the kernel's boot id,
 * so that a process that got the number later is never taken for ours.
 */
#ifndef CLI_DEV_H
#define CLI_DEV_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DEV_DIR_DEFAULT  "kq-dev"
#define DEV_BROKERS_MAX  99
#define DEV_SETS_MAX     64
#define DEV_LOG_DIRS_MAX 9

/* ---- the directory: dev_state.c ---- */

struct dev {
    char dir[PATH_MAX]; /* absolute */
    int brokers;        /* numbered from 1; 0: there is no cluster yet */
    int log_dirs;       /* of each broker */
    uint16_t zookeeper_port;
    uint16_t ports[DEV_BROKERS_MAX + 1]; /* by number */
    char *sets[DEV_SETS_MAX];            /* KEY=VALUE for every broker */
    size_t set_count;
};

/* Reads what is in the directory; brokers is 0 when nothing is. False after
 * a message when it cannot be read. */
bool dev_load(struct dev *dev, const char *dir);
/* False after a message. */
bool dev_save(const struct dev *dev);
void dev_release(struct dev *dev);
/* Makes the directory and keeps others out until the process ends. False
 * after a message. */
bool dev_lock(struct dev *dev, const char *dir);
/* Gives each process a port, from `base` on or, with 0, free ones. False
 * after a message. */
bool dev_choose_ports(struct dev *dev, uint16_t base);
/* DIR/NAME[/FILE] into `path`; name NULL: DIR. */
void dev_path(const struct dev *dev, const char *name, const char *file,
              char path[PATH_MAX]);
/* "zookeeper" for 0, "broker-N". */
void dev_name(int number, char name[32]);
/* Configuration files of ZooKeeper (0) or a broker. False after a message. */
bool dev_configure(const struct dev *dev, int number);

/* "host:port,..." of the brokers that run in this directory; false when
 * none does. */
bool dev_bootstrap(const char *dir, char *text, size_t size);

/* ---- processes: dev_process.c ---- */

/* The process of this number, 0 when it does not run. */
pid_t dev_running(const struct dev *dev, int number);
/* Starts it with its output appended to its log. False after a message. */
bool dev_spawn(const struct dev *dev, int number, char *const *argv);
/* Signals it, if it runs. */
void dev_signal(const struct dev *dev, int number, int signal);
/* Waits until it has ended; false when it still runs after that time. */
bool dev_wait_gone(const struct dev *dev, int number, int64_t timeout_ms);
/* Bytes in its log. */
long dev_log_size(const struct dev *dev, int number);
/* Whether its log has this text behind `from`. */
bool dev_log_has(const struct dev *dev, int number, long from,
                 const char *text);
/* The end of its log to standard error. */
void dev_log_tail(const struct dev *dev, int number, long from);

#endif

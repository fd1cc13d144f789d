/* SPDX-License-Identifier: Apache-2.0
 *
 * kq dev: a real ZooKeeper and N brokers on loopback.
 */
#include "client/cli/dev.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/java.h"
#include "client/cli/options.h"
#include "client/cli/parse.h"

#define BROKERS_DEFAULT    3
#define ZOOKEEPER_READY_MS 90000
#define BROKER_READY_MS    90000
#define CLUSTER_READY_MS   30000
#define STOP_BROKER_MS     15000
#define STOP_ZOOKEEPER_MS  5000
#define KILL_MS            5000
#define READY_RETRY_MS     50

static const char help[] =
    "Usage: kq dev up [--brokers N] [--log-dirs N] [--dir D] [--port P]\n"
    "                 [--set KEY=VALUE]...\n"
    "       kq dev down|status [--dir D]\n"
    "       kq dev kill|start N [--dir D]\n"
    "\n"
    "A ZooKeeper and N brokers on 127.0.0.1 with everything they keep in D.\n"
    "up starts what does not run, also after a reboot, and waits until it is\n"
    "ready; down stops in order; kill ends broker N with SIGKILL, start "
    "brings\n"
    "it back. rm -r D forgets the cluster and its data.\n"
    "\n"
    "  --brokers N      brokers of a new cluster (default 3)\n"
    "  --log-dirs N     log directories of each broker (default 1)\n"
    "  --dir D          its directory (default ./kq-dev)\n"
    "  --port P         brokers listen at P, P+1, ... (default: free ports\n"
    "                   from 9092 on)\n"
    "  --set KEY=VALUE  a setting for every broker (kafkaesqued --help)\n";

struct dev_command {
    const char *dir;
    int brokers;  /* 0: not said */
    int log_dirs; /* likewise */
    uint16_t port;
    char *sets[DEV_SETS_MAX];
    size_t set_count;
    int number; /* kill, start */
    struct dev dev;
};

/* ---- ZooKeeper ---- */

static bool tools_present(void)
{
    if (access(ZOOKEEPER_JAR, R_OK) != 0) {
        fail(EXIT_ENVIRONMENT, "%s is missing: apt-get install zookeeper",
             ZOOKEEPER_JAR);
        return false;
    }
    if (access(LOGGER_JAR, R_OK) != 0) {
        fail(EXIT_ENVIRONMENT, "%s is missing: apt-get install libslf4j-java",
             LOGGER_JAR);
        return false;
    }
    if (system("command -v java >/dev/null 2>&1") != 0) {
        fail(EXIT_ENVIRONMENT,
             "java is missing: apt-get install default-jre-headless");
        return false;
    }
    return true;
}

static bool start_zookeeper(const struct dev *dev)
{
    char config[PATH_MAX];
    char *argv[] = {ZOOKEEPER_ARGUMENTS, config, NULL};

    dev_path(dev, "zookeeper", "zoo.cfg", config);
    return dev_spawn(dev, 0, argv);
}

/* Asks "srvr"; it serves when the answer names a mode. */
static bool zookeeper_serves(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {1, 0};
    char answer[4096] = "";
    size_t used = 0;
    ssize_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, "srvr", 4, MSG_NOSIGNAL) == 4)
        while (used < sizeof answer - 1 &&
               (got = recv(fd, answer + used, sizeof answer - 1 - used, 0)) > 0)
            used += (size_t)got;
    close(fd);
    answer[used] = '\0';
    return strstr(answer, "Mode: ") != NULL;
}

/* ---- brokers ---- */

/* kafkaesqued stands beside kq. */
static bool broker_program(char path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size < 0)
        return false;
    self[size] = '\0';
    if (snprintf(path, PATH_MAX, "%s/kafkaesqued", dirname(self)) >= PATH_MAX)
        return false;
    if (access(path, X_OK) == 0)
        return true;
    fail(EXIT_ENVIRONMENT, "%s is missing: build or install it beside kq",
         path);
    return false;
}

static bool start_broker(const struct dev *dev, int number)
{
    char program[PATH_MAX];
    char config[PATH_MAX];
    char name[32];
    char *argv[] = {program, "--config", config, NULL};

    dev_name(number, name);
    dev_path(dev, name, "broker.properties", config);
    return broker_program(program) && dev_configure(dev, number) &&
           dev_spawn(dev, number, argv);
}

/* ---- up ---- */

static bool is_ready(const struct dev *dev, int number, long log_from)
{
    return number == 0 ? zookeeper_serves(dev->zookeeper_port)
                       : dev_log_has(dev, number, log_from, ": ready on ");
}

/* Waits for a process; false after a message with the end of its log. */
static bool wait_ready(const struct dev *dev, int number, long log_from)
{
    int64_t limit_ms = number == 0 ? ZOOKEEPER_READY_MS : BROKER_READY_MS;
    int64_t start_ms = now_ms();
    char name[32];

    dev_name(number, name);
    while (dev_running(dev, number) != 0 && now_ms() < start_ms + limit_ms) {
        if (is_ready(dev, number, log_from)) {
            fprintf(stderr, "%s is ready on 127.0.0.1:%u (%.1f s)\n", name,
                    number == 0 ? dev->zookeeper_port : dev->ports[number],
                    (double)(now_ms() - start_ms) / 1000);
            return true;
        }
        sleep_ms(READY_RETRY_MS);
    }
    fail(EXIT_ENVIRONMENT, "%s %s; the end of %s/%s/log:", name,
         dev_running(dev, number) != 0 ? "is not ready yet" : "ended at once",
         dev->dir, name);
    dev_log_tail(dev, number, log_from);
    return false;
}

/* All brokers listed and a controller among them. */
static bool wait_cluster(const struct dev *dev)
{
    int64_t deadline_ms = now_ms() + CLUSTER_READY_MS;
    struct kq_options options;
    struct kq_client *client;
    char bootstrap[2048];
    enum kq_error error = KQ_ERROR_NONE;
    bool whole = false;

    kq_options_init(&options);
    options.bootstrap = bootstrap;
    if (!dev_bootstrap(dev->dir, bootstrap, sizeof bootstrap) ||
        kq_client_new(&options, &client) != KQ_ERROR_NONE)
        return false;
    while (!whole && now_ms() < deadline_ms) {
        struct kq_cluster *cluster;

        /* a broker that has many topics to read anew takes its time */
        error = kq_cluster_describe(
            client, NULL, (int)(deadline_ms - now_ms()) + 1000, &cluster);
        whole = error == KQ_ERROR_NONE &&
                cluster->broker_count == (size_t)dev->brokers &&
                cluster->controller >= 0;
        kq_cluster_free(cluster);
        if (!whole)
            sleep_ms(READY_RETRY_MS);
    }
    kq_client_free(client);
    if (!whole)
        fail(EXIT_ENVIRONMENT,
             "the brokers run, but they have not found each other within %d "
             "s (%s); see the logs in %s",
             CLUSTER_READY_MS / 1000,
             error == KQ_ERROR_NONE
                 ? "some are not listed, or none is controller"
                 : kq_error_sentence(error),
             dev->dir);
    return whole;
}

/* A new cluster, or new settings for the one there. */
static int plan(struct dev_command *command)
{
    struct dev *dev = &command->dev;

    if (dev->brokers > 0 && command->brokers > 0 &&
        command->brokers != dev->brokers)
        return fail_usage("dev",
                          "%s holds a cluster of %d brokers: leave --brokers "
                          "out, or choose another --dir",
                          dev->dir, dev->brokers);
    if (dev->brokers > 0 && command->log_dirs > 0 &&
        command->log_dirs != dev->log_dirs)
        return fail_usage("dev",
                          "the brokers of %s have %d log directories: leave "
                          "--log-dirs out, or choose another --dir",
                          dev->dir, dev->log_dirs);
    if (dev->brokers > 0 && command->port > 0 && command->port != dev->ports[1])
        return fail_usage("dev", "the brokers of %s listen from port %u on",
                          dev->dir, dev->ports[1]);
    if (dev->brokers == 0) {
        dev->brokers = command->brokers ? command->brokers : BROKERS_DEFAULT;
        dev->log_dirs = command->log_dirs ? command->log_dirs : 1;
        if (!dev_choose_ports(dev, command->port))
            return EXIT_ENVIRONMENT;
    }
    if (command->set_count > 0) {
        dev_release(dev);
        for (size_t i = 0; i < command->set_count; i++)
            dev->sets[i] = strdup(command->sets[i]);
        dev->set_count = command->set_count;
    }
    return dev_save(dev) ? EXIT_DONE : EXIT_ENVIRONMENT;
}

static bool ensure_zookeeper(const struct dev *dev)
{
    long from = dev_log_size(dev, 0);

    if (dev_running(dev, 0) != 0 && zookeeper_serves(dev->zookeeper_port))
        return true;
    if (dev_running(dev, 0) != 0)
        return wait_ready(dev, 0, from);
    fprintf(stderr, "starting zookeeper\n");
    return dev_configure(dev, 0) && start_zookeeper(dev) &&
           wait_ready(dev, 0, from);
}

static bool ensure_brokers(const struct dev *dev)
{
    long from[DEV_BROKERS_MAX + 1];
    bool started[DEV_BROKERS_MAX + 1] = {false};

    for (int i = 1; i <= dev->brokers; i++) {
        if (dev_running(dev, i) != 0)
            continue;
        fprintf(stderr, "starting broker %d\n", i);
        from[i] = dev_log_size(dev, i);
        started[i] = true;
        if (!start_broker(dev, i))
            return false;
    }
    for (int i = 1; i <= dev->brokers; i++)
        if (started[i] && !wait_ready(dev, i, from[i]))
            return false;
    return true;
}

static int dev_up(struct dev_command *command)
{
    struct dev *dev = &command->dev;
    char program[PATH_MAX];
    char bootstrap[2048];
    int code;

    if (!tools_present() || !broker_program(program) ||
        !dev_lock(dev, command->dir) || !dev_load(dev, command->dir))
        return EXIT_ENVIRONMENT;
    code = plan(command);
    if (code != EXIT_DONE)
        return code;
    if (!ensure_zookeeper(dev) || !ensure_brokers(dev) || !wait_cluster(dev) ||
        !dev_bootstrap(dev->dir, bootstrap, sizeof bootstrap))
        return EXIT_ENVIRONMENT;
    printf("up: %d brokers, bootstrap %s\n", dev->brokers, bootstrap);
    return EXIT_DONE;
}

/* ---- down, status, kill, start ---- */

/* Opens the cluster that must be there; an exit code otherwise. */
static int open_cluster(struct dev_command *command)
{
    struct dev *dev = &command->dev;

    if (!dev_load(dev, command->dir))
        return EXIT_ENVIRONMENT;
    if (dev->brokers == 0)
        return fail(EXIT_USAGE,
                    "there is no cluster in %s; 'kq dev up' makes "
                    "one",
                    dev->dir);
    if (command->number > dev->brokers)
        return fail(EXIT_USAGE,
                    "the cluster in %s has no broker %d, only 1 "
                    "to %d",
                    dev->dir, command->number, dev->brokers);
    return EXIT_DONE;
}

static int open_locked(struct dev_command *command)
{
    int code = open_cluster(command);

    if (code != EXIT_DONE)
        return code;
    dev_release(&command->dev);
    if (!dev_lock(&command->dev, command->dir))
        return EXIT_ENVIRONMENT;
    return open_cluster(command);
}

/* SIGTERM was sent: waits, then SIGKILL. */
static bool end_process(const struct dev *dev, int number, int64_t timeout_ms)
{
    char name[32];

    dev_name(number, name);
    if (!dev_wait_gone(dev, number, timeout_ms)) {
        fprintf(stderr, "%s does not stop; killing it\n", name);
        dev_signal(dev, number, SIGKILL);
    }
    if (dev_wait_gone(dev, number, KILL_MS))
        return true;
    fail(EXIT_ENVIRONMENT, "%s cannot be killed", name);
    return false;
}

static int dev_down(struct dev_command *command)
{
    struct dev *dev = &command->dev;
    int code = open_locked(command);
    int64_t start_ms = now_ms();
    bool stopped = true;

    if (code != EXIT_DONE)
        return code;
    for (int i = 1; i <= dev->brokers; i++)
        dev_signal(dev, i, SIGTERM);
    for (int i = 1; i <= dev->brokers; i++)
        stopped = end_process(dev, i, STOP_BROKER_MS) && stopped;
    dev_signal(dev, 0, SIGTERM);
    stopped = end_process(dev, 0, STOP_ZOOKEEPER_MS) && stopped;
    if (!stopped)
        return EXIT_ENVIRONMENT;
    printf("down after %.1f s; its data is kept in %s\n",
           (double)(now_ms() - start_ms) / 1000, dev->dir);
    return EXIT_DONE;
}

static int dev_status(struct dev_command *command)
{
    struct dev *dev = &command->dev;
    int code = open_cluster(command);
    int running = 0;

    if (code != EXIT_DONE)
        return code;
    for (int i = 0; i <= dev->brokers; i++) {
        pid_t pid = dev_running(dev, i);
        char name[32];

        dev_name(i, name);
        printf("%-12s 127.0.0.1:%-5u  ", name,
               i == 0 ? dev->zookeeper_port : dev->ports[i]);
        if (pid != 0)
            printf("runs, pid %d\n", (int)pid);
        else
            printf("down\n");
        running += pid != 0;
    }
    printf("%d of %d processes run in %s\n", running, dev->brokers + 1,
           dev->dir);
    return running == dev->brokers + 1 ? EXIT_DONE : EXIT_CHECK;
}

static int dev_kill(struct dev_command *command)
{
    struct dev *dev = &command->dev;
    int code = open_locked(command);
    pid_t pid;

    if (code != EXIT_DONE)
        return code;
    pid = dev_running(dev, command->number);
    if (pid == 0)
        return fail(EXIT_CHECK, "broker %d does not run", command->number);
    dev_signal(dev, command->number, SIGKILL);
    if (!dev_wait_gone(dev, command->number, KILL_MS))
        return fail(EXIT_ENVIRONMENT, "broker %d cannot be killed",
                    command->number);
    printf("killed broker %d, pid %d\n", command->number, (int)pid);
    return EXIT_DONE;
}

static int dev_start(struct dev_command *command)
{
    struct dev *dev = &command->dev;
    int code = open_locked(command);
    long from;

    if (code != EXIT_DONE)
        return code;
    if (dev_running(dev, command->number) != 0) {
        printf("broker %d runs already\n", command->number);
        return EXIT_DONE;
    }
    from = dev_log_size(dev, command->number);
    if (!start_broker(dev, command->number) ||
        !wait_ready(dev, command->number, from))
        return EXIT_ENVIRONMENT;
    printf("started broker %d\n", command->number);
    return EXIT_DONE;
}

/* ---- the command line ---- */

static const struct dev_action {
    const char *name;
    int (*run)(struct dev_command *command);
    bool numbered;
} actions[] = {
    {"up", dev_up, false},         {"down", dev_down, false},
    {"status", dev_status, false}, {"kill", dev_kill, true},
    {"start", dev_start, true},
};

static int take_set(void *context, char *text)
{
    struct dev_command *command = context;

    if (strchr(text, '=') == NULL || strchr(text, '\n') != NULL)
        return fail_usage("dev", "--set '%s' is not KEY=VALUE", text);
    if (command->set_count == DEV_SETS_MAX)
        return fail_usage("dev", "more than %d settings", DEV_SETS_MAX);
    command->sets[command->set_count++] = text;
    return EXIT_DONE;
}

#define TO(member) OPTION_TO(struct dev_command, member)
static const struct command_option options[] = {
    {"brokers", 'n', OPTION_NUMBER, "a number", TO(brokers), .minimum = 1,
     .maximum = DEV_BROKERS_MAX},
    {"log-dirs", 'l', OPTION_NUMBER, "a number", TO(log_dirs), .minimum = 1,
     .maximum = DEV_LOG_DIRS_MAX},
    {"dir", 'd', OPTION_TEXT, TO(dir)},
    {"port", 'p', OPTION_NUMBER, "a port", TO(port), .minimum = 1024,
     .maximum = 65000},
    {"set", 's', OPTION_OTHER, .take = take_set},
    {0},
};
#undef TO

static const struct syntax syntax = {"dev", help, options};

static int read_number(int argc, char **argv, const struct dev_action *action,
                       struct dev_command *command)
{
    int64_t number = 0;

    if (argc - optind != (action->numbered ? 2 : 1))
        return fail_usage("dev", "'kq dev %s' takes %s", action->name,
                          action->numbered ? "the number of a broker"
                                           : "nothing but options");
    if (action->numbered &&
        !parse_number(argv[optind + 1], 1, DEV_BROKERS_MAX, &number))
        return fail_usage("dev", "'%s' is not the number of a broker",
                          argv[optind + 1]);
    command->number = (int)number;
    return EXIT_DONE;
}

int command_dev(int argc, char **argv)
{
    static struct dev_command command;
    int code;

    command.dir = DEV_DIR_DEFAULT;
    code = read_options(&syntax, argc, argv, &command);
    if (code != EXIT_DONE)
        return code == HELP_SHOWN ? EXIT_DONE : code;
    if (optind == argc)
        return fail_usage("dev", "say up, down, status, kill or start");
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, argv[optind]) != 0)
            continue;
        code = read_number(argc, argv, &actions[i], &command);
        if (code == EXIT_DONE)
            code = actions[i].run(&command);
        dev_release(&command.dev);
        return code;
    }
    return fail_usage("dev", "there is no 'kq dev %s'", argv[optind]);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * kafkaesqued: one broker on the loop of real/. Options and the file of
 * settings come first, --set last; then the broker runs until it stops by
 * itself or SIGTERM asks it to.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/list.h"
#include "faults/fault.h"
#include "real/loop.h"
#include "server/broker.h"

#define EXIT_USAGE       2
#define EXIT_ENVIRONMENT 3
#define FILE_BYTES_MAX   (1 << 20)
#define SETS_MAX         256
#define HELP_COLUMNS     68

struct options {
    const char *config_file;
    const char *facts_file;
    const char *sets[SETS_MAX];
    size_t set_count;
    bool check_only;
};

/* ---- options ---- */

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Read KEY=VALUE lines from FILE", 0},
    {"set", 's', "KEY=VALUE", 0, "Set one key; comes after the file", 0},
    {"check-config", 'n', NULL, 0, "Check the configuration and exit", 0},
    {"facts", 'f', "FILE", 0, "Write what happens as JSON lines to FILE", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case 'c':
        options->config_file = value;
        return 0;
    case 's':
        if (options->set_count == SETS_MAX)
            argp_error(state, "more than %d --set options: use a file",
                       SETS_MAX);
        options->sets[options->set_count++] = value;
        return 0;
    case 'n':
        options->check_only = true;
        return 0;
    case 'f':
        options->facts_file = value;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is not an option: --help lists them", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Broken between words, so that argp need not. */
static void print_indented(FILE *to, const char *sentence)
{
    size_t column = 0;

    while (*sentence != '\0') {
        size_t length = strcspn(sentence, " ");

        if (column == 0)
            fputs("     ", to);
        else if (column + 1 + length > HELP_COLUMNS) {
            fputs("\n     ", to);
            column = 0;
        }
        fprintf(to, " %.*s", (int)length, sentence);
        column += length + 1;
        sentence += length;
        sentence += strspn(sentence, " ");
    }
    fputc('\n', to);
}

static void print_key(FILE *to, const struct config_key *key)
{
    fprintf(to, "  %s=%s%s%s\n", key->key,
            key->default_value != NULL ? key->default_value : "(required)",
            *key->unit ? " " : "", key->unit);
    print_indented(to, key->sentence);
}

/* All keys, from the table that also parses them. */
static char *keys_text(void)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    struct config_key key;
    char buffer[32];

    if (to == NULL)
        return NULL;
    fprintf(to, "Keys, their defaults and what they mean:\n\n");
    for (size_t i = 0; config_key(i, &key, buffer); i++)
        print_key(to, &key);
    fprintf(to, "\nExit: 0 stopped when asked to; 2 bad configuration; 3 the "
                "environment\n(port in use, no permission, no ZooKeeper).\n");
    fclose(to);
    return text;
}

static char *help_filter(int key, const char *text, void *input)
{
    (void)input;
    if (key == ARGP_KEY_HELP_EXTRA)
        return keys_text();
    return (char *)(uintptr_t)text;
}

static void parse_arguments(int argc, char **argv, struct options *options)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .doc = "Kafkaesque broker: serves topics to clients, with ZooKeeper "
               "as the cluster's memory.",
        .help_filter = help_filter,
    };

    argp_program_version = "kafkaesqued 0.1.0";
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, options);
}

/* ---- configuration ---- */

static int complain(int exit_code, const char *message)
{
    fprintf(stderr, "kafkaesqued: %s\n", message);
    return exit_code;
}

/* The text of a file, NULL (and a message) when it cannot be had. */
static char *read_file(const char *name, char message[CONFIG_MESSAGE_BYTES])
{
    FILE *file = fopen(name, "re");
    char *text;
    size_t size;

    if (file == NULL) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "cannot read the configuration file %.300s: %s", name,
                 strerror(errno));
        return NULL;
    }
    text = calloc(1, FILE_BYTES_MAX + 1);
    size = text == NULL ? 0 : fread(text, 1, FILE_BYTES_MAX, file);
    if (text == NULL || ferror(file) || !feof(file) || strlen(text) != size) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "%.300s is not a text file of at most %d bytes", name,
                 FILE_BYTES_MAX);
        free(text);
        text = NULL;
    }
    fclose(file);
    return text;
}

static bool apply_set(struct config *config, const char *set,
                      char message[CONFIG_MESSAGE_BYTES])
{
    char key[128];
    const char *equals = strchr(set, '=');

    if (equals == NULL || (size_t)(equals - set) >= sizeof key) {
        snprintf(message, CONFIG_MESSAGE_BYTES,
                 "--set '%.200s' is not a setting: write KEY=VALUE", set);
        return false;
    }
    memcpy(key, set, (size_t)(equals - set));
    key[equals - set] = '\0';
    return config_set(config, key, equals + 1, message);
}

/* 0, or the exit code after a message. */
static int configure(const struct options *options, struct config *config)
{
    char message[CONFIG_MESSAGE_BYTES] = "";

    config_init(config);
    if (options->config_file != NULL) {
        char *text = read_file(options->config_file, message);
        bool parsed;

        if (text == NULL)
            return complain(errno == EACCES ? EXIT_ENVIRONMENT : EXIT_USAGE,
                            message);
        parsed = config_parse(config, options->config_file, text, message);
        free(text);
        if (!parsed)
            return complain(EXIT_USAGE, message);
    }
    for (size_t i = 0; i < options->set_count; i++)
        if (!apply_set(config, options->sets[i], message))
            return complain(EXIT_USAGE, message);
    if (!config_check(config, message))
        return complain(EXIT_USAGE, message);
    return 0;
}

/* ---- the process ---- */

struct process {
    struct broker_owner owner;
    struct loop *loop;
    struct broker *broker;
    const struct config *config;
    int exit_code;
    bool stopped;
};

static void on_stopped(struct broker_owner *owner, int exit_code,
                       const char *why)
{
    struct process *process = container_of(owner, struct process, owner);

    process->exit_code = exit_code;
    process->stopped = true;
    if (exit_code != 0)
        fprintf(stderr, "kafkaesqued: %s\n", why);
    loop_stop(process->loop);
}

static void on_ready(struct broker_owner *owner, uint16_t port)
{
    struct process *process = container_of(owner, struct process, owner);

    trace_log(loop_seam(process->loop)->trace, TRACE_INFO,
              "ready on %s:%u as broker %lld", process->config->listener_host,
              port, (long long)process->config->broker_id);
}

/* The rest of the turn in which the broker stopped is not for it. */
static void on_event(void *node, const struct event *event)
{
    struct process *process = node;

    if (!process->stopped)
        broker_on_event(process->broker, event);
}

/* Many partitions and connections are many descriptors. */
static void prepare(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Operations that are still under way point into the broker's memory: then
 * the end of the process frees it. */
static int serve(const struct config *config, FILE *facts)
{
    static struct process process;
    char name[32];
    struct loop_options options = {
        .heap_bytes_max = (size_t)config->memory_bytes,
        .log_level = TRACE_INFO,
        .name = name,
        .facts = facts,
        .handle_signals = true,
    };

    snprintf(name, sizeof name, "broker-%lld", (long long)config->broker_id);
    process.owner = (struct broker_owner){on_stopped, on_ready};
    process.config = config;
    process.loop = loop_new(&options);
    if (process.loop == NULL)
        return complain(EXIT_ENVIRONMENT,
                        "the system has no threads or descriptors left");
    process.broker =
        broker_new(loop_seam(process.loop), config, &process.owner);
    broker_start(process.broker);
    loop_run(process.loop, on_event, &process);
    if (process.exit_code == 0 && broker_may_be_freed(process.broker) &&
        loop_at_rest(process.loop)) {
        broker_free(process.broker);
        loop_free(process.loop);
    }
    return process.exit_code;
}

int main(int argc, char **argv)
{
    static struct options options;
    static struct config config;
    FILE *facts = NULL;
    int code;

    loop_keep_memory();
    parse_arguments(argc, argv, &options);
    code = configure(&options, &config);
    if (code != 0)
        return code;
    if (options.check_only) {
        printf("The configuration is valid.\n");
        return 0;
    }
    if (options.facts_file != NULL) {
        facts = fopen(options.facts_file, "ae");
        if (facts == NULL) {
            fprintf(stderr, "kafkaesqued: cannot write facts to %s: %s\n",
                    options.facts_file, strerror(errno));
            return EXIT_ENVIRONMENT;
        }
        setvbuf(facts, NULL, _IOLBF, 1 << 16);
    }
    prepare();
    FAULT_LISTEN();
    code = serve(&config, facts);
    if (facts != NULL)
        fclose(facts);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * kqsim: runs scenarios in the simulated world and judges them.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "sim/options.h"
#include "sim/report/everywhere.h"
#include "sim/report/explore.h"
#include "sim/report/hand_over.h"
#include "sim/report/page.h"
#include "sim/shrink/shrink.h"
#include "sim/swarm/swarm.h"

#define FUTURES_MAX 1000

static const char *program; /* as it was called */

static const char usage[] =
    "usage: kqsim run FILE|DIR... [--seed S | --seeds N [--from S]]\n"
    "                 [--jobs J] [--json] [--junit FILE] [--trace FILE]\n"
    "                 [--html FILE [--beside SEED]]\n"
    "       kqsim run FILE|DIR... --world real|both [--seed S | --seeds N]\n"
    "                 [--from S] [--json]\n"
    "                 the same on real brokers and a real ZooKeeper, or in "
    "both\n"
    "                 worlds, and where they differ\n"
    "       kqsim crash-everywhere FILE [--seed S | --seeds N [--from S]]\n"
    "                 [--how power|process|error|full|short] [--node bN]\n"
    "                 [--limit N] [--jobs J] [--json] [--junit FILE]\n"
    "       kqsim crash-everywhere FILE --at bN:OPERATION[+] [--seed S]\n"
    "                 [--how HOW] [--trace FILE]\n"
    "                 [--html FILE [--beside SEED]]\n"
    "                 crash at each disk operation in turn, or let it fail\n"
    "       kqsim explore FILE [--seed S | --seeds N [--from S]]\n"
    "                 [--futures K] [--limit N] [--jobs J] [--json]\n"
    "                 [--junit FILE]\n"
    "       kqsim explore FILE --at TURN:FUTURE [--seed S]\n"
    "                 [--trace FILE] [--html FILE [--beside SEED]]\n"
    "                 let chance decide otherwise after rare marks and from "
    "each\n"
    "                 sync on\n"
    "       kqsim swarm [--seed S [--print] | --seeds N [--from S]]\n"
    "                 [--minutes M] [--jobs J] [--json] [--junit FILE]\n"
    "                 [--trace FILE]\n"
    "                 [--html FILE [--beside SEED]]\n"
    "                 draw cluster, topics, load and faults from each seed\n"
    "       kqsim shrink FILE --seed S [-o OUT] [--minutes M] [--jobs J]\n"
    "                 find the smallest scenario that fails as this run does\n"
    "       kqsim lint FILE|DIR...     check scenario files\n"
    "       kqsim new FILE             write a scenario to begin with\n"
    "       kqsim schema               print the format as JSON Schema\n"
    "       kqsim faults               list the fault points\n"
    "       kqsim oracles              list the promises that are judged\n"
    "       kqsim marks                list what a sweep can reach\n"
    "A directory means all *.yaml below it. Without --seed and --seeds each\n"
    "scenario runs once, with seed 1. --json tells one object a run, --junit\n"
    "writes them for a CI service; --html writes a single run as a page for a\n"
    "browser, with the run of another seed beside it.\n"
    "Exit code: 0 all passed, 1 a run failed or proved nothing, 2 bad usage\n"
    "or a bad file, 3 the environment failed.\n";

/* ---- scenarios ---- */

struct plan {
    struct scenario **scenarios;
    size_t count;
};

static int load(const struct files *files, struct plan *plan)
{
    struct complaints complaints = {NULL, 0, 0};

    plan->scenarios = calloc(files->count + 1, sizeof(struct scenario *));
    if (plan->scenarios == NULL)
        abort();
    for (size_t i = 0; i < files->count; i++) {
        struct scenario *scenario = scenario_load(files->paths[i], &complaints);

        if (scenario != NULL)
            plan->scenarios[plan->count++] = scenario;
    }
    if (complaints.count == 0)
        return EXIT_DONE;
    fputs(complaints.text, stderr);
    complaints_release(&complaints);
    return EXIT_USAGE;
}

static void plan_release(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        scenario_free(plan->scenarios[i]);
    free(plan->scenarios);
}

/* ---- pages ---- */

/* Before the run; nothing is asked for that a page cannot show. */
static int open_page(struct options *options, bool single)
{
    if (options->has_beside && options->html == NULL)
        return command_failed(EXIT_USAGE, "--beside goes with --html");
    if (options->html != NULL && !single)
        return command_failed(EXIT_USAGE,
                              "--html is for a single run: one scenario and "
                              "one seed");
    if (options->html == NULL)
        return EXIT_DONE;
    options->page = fopen(options->html, "w");
    if (options->page == NULL)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->html, strerror(errno));
    return EXIT_DONE;
}

/* After the run, whose code it gives back when the page could be written. */
static int write_page(const struct options *options,
                      const struct page_plan *plan, int code)
{
    bool good;

    if (options->page == NULL || code > EXIT_FAILED)
        return code;
    good = page_write(options->page, plan);
    if (fclose(options->page) != 0 || !good)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->html, strerror(errno));
    return code;
}

static int page_of_file(const struct options *options,
                        const struct scenario *scenario,
                        const struct run_strike *strike, int code)
{
    struct page_plan plan = {.scenario = scenario,
                             .seed = options->first_seed,
                             .strike = strike,
                             .beside = options->has_beside ? scenario : NULL,
                             .beside_seed = options->beside};

    return write_page(options, &plan, code);
}

static int page_of_swarm(const struct options *options, int code)
{
    struct scenario *one = swarm_scenario(options->first_seed);
    struct scenario *two =
        options->has_beside ? swarm_scenario(options->beside) : NULL;
    struct page_plan plan = {.scenario = one,
                             .seed = options->first_seed,
                             .beside = two,
                             .beside_seed = options->beside};

    code = write_page(options, &plan, code);
    scenario_free(one);
    scenario_free(two);
    return code;
}

/* ---- sweeps ---- */

/* Before the runs, which may take hours. */
static int open_cases(struct options *options)
{
    if (options->junit == NULL)
        return EXIT_DONE;
    options->cases = junit_new(options->junit);
    if (options->cases == NULL)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->junit, strerror(errno));
    return EXIT_DONE;
}

/* After the runs, whose code it gives back when the file could be written. */
static int write_cases(const struct options *options, int code)
{
    if (options->cases != NULL && !junit_end(options->cases))
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->junit, strerror(errno));
    return code;
}

static int open_trace(const struct options *options, const struct plan *plan,
                      FILE **trace)
{
    if (options->trace == NULL)
        return EXIT_DONE;
    if (plan->count * options->seeds != 1)
        return command_failed(
            EXIT_USAGE, "--trace is for a single run: one file and one seed");
    *trace = fopen(options->trace, "w");
    if (*trace == NULL)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->trace, strerror(errno));
    return EXIT_DONE;
}

/* `strike`: may be NULL. */
static int sweep(const struct options *options, const struct plan *plan,
                 const struct run_strike *strike)
{
    struct sweep all = {.scenarios = plan->scenarios,
                        .scenario_count = plan->count,
                        .first_seed = options->first_seed,
                        .seeds = options->seeds,
                        .jobs = (unsigned)options->jobs,
                        .json = options->json,
                        .junit = options->cases,
                        .strikes = strike,
                        .strike_count = strike ? 1 : 0};
    int code = open_trace(options, plan, &all.trace);

    if (code != EXIT_DONE)
        return code;
    code = sweep_run(&all) ? EXIT_DONE : EXIT_FAILED;
    if (all.trace != NULL && fclose(all.trace) != 0)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->trace, strerror(errno));
    return code;
}

/* With at least one scenario. */
static int take_scenarios(struct options *options, enum command command,
                          int count, char **arguments)
{
    int code = options_take(options, command, count, arguments);

    if (code == EXIT_DONE && options->files.count == 0)
        return command_failed(
            EXIT_USAGE,
            "no scenario: name files or directories that hold *.yaml");
    return code;
}

/* The other world, or both of them. */
static int run_there(const struct options *options, const struct plan *plan)
{
    struct hand_over all = {.scenarios = plan->scenarios,
                            .scenario_count = plan->count,
                            .first_seed = options->first_seed,
                            .seeds = options->seeds,
                            .json = options->json,
                            .both = strcmp(options->world, "both") == 0};
    const char *problem;

    if (options->trace || options->html || options->junit || options->jobs > 1)
        return command_failed(EXIT_USAGE,
                              "--trace, --html, --junit and --jobs are for "
                              "the simulator alone: leave --world out");
    problem = hand_over(&all);
    return command_failed(EXIT_ENVIRONMENT, "%s: %s", problem, strerror(errno));
}

static int run_here(struct options *options, const struct plan *plan)
{
    int code = open_page(options, plan->count * options->seeds == 1);

    if (code == EXIT_DONE)
        code = open_cases(options);
    if (code == EXIT_DONE)
        code = sweep(options, plan, NULL);
    if (options->html != NULL && plan->count == 1 && code <= EXIT_FAILED)
        code = page_of_file(options, plan->scenarios[0], NULL, code);
    return write_cases(options, code);
}

static int command_run(int count, char **arguments)
{
    struct options options;
    struct plan plan = {NULL, 0};
    int code = take_scenarios(&options, COMMAND_RUN, count, arguments);

    if (code == EXIT_DONE)
        code = load(&options.files, &plan);
    if (code == EXIT_DONE)
        code = options.world != NULL ? run_there(&options, &plan)
                                     : run_here(&options, &plan);
    plan_release(&plan);
    options_release(&options);
    return code;
}

/* ---- crash everywhere ---- */

static int strike_one(struct options *options, const struct plan *plan,
                      enum strike_how how)
{
    struct run_strike strike = {.how = how};
    int code;

    if (options->node != NULL || options->limit > 0 || options->seeds > 1)
        return command_failed(EXIT_USAGE,
                              "--at is for a single run: it goes with --seed "
                              "and --how");
    if (!strike_parse(options->at, plan->scenarios[0]->brokers, &strike))
        return command_failed(
            EXIT_USAGE,
            "--at takes a broker of the scenario and the number of its "
            "disk operation, as b1:17 or b1:17+, and not '%s'",
            options->at);
    code = open_page(options, true);
    if (code != EXIT_DONE)
        return code;
    return page_of_file(options, plan->scenarios[0], &strike,
                        sweep(options, plan, &strike));
}

static int strike_all(const struct options *options, const struct plan *plan,
                      enum strike_how how)
{
    struct everywhere_table table = {0};
    struct everywhere everywhere = {.scenario = plan->scenarios[0],
                                    .seed = options->first_seed,
                                    .how = how,
                                    .broker = -1,
                                    .limit = options->limit,
                                    .jobs = (unsigned)options->jobs,
                                    .json = options->json,
                                    .junit = options->cases,
                                    .table = &table};
    const char *reason = everywhere_too_much(everywhere.scenario, how);
    bool good = true;

    if (options->trace || options->html || options->has_beside)
        return command_failed(EXIT_USAGE,
                              "--trace, --html and --beside are for a single "
                              "run: name it by --at");
    if (reason != NULL) {
        fprintf(stderr, "kqsim: skipped: %s\n", reason);
        return EXIT_DONE;
    }
    for (int i = 0; options->node != NULL && i < everywhere.scenario->brokers;
         i++)
        if (options->node[0] == 'b' && options->node[1] == '1' + i &&
            options->node[2] == '\0')
            everywhere.broker = i;
    if (options->node != NULL && everywhere.broker < 0)
        return command_failed(EXIT_USAGE,
                              "--node takes a broker of the scenario, as b1, "
                              "and not '%s'",
                              options->node);
    for (uint64_t i = 0; i < options->seeds; i++) {
        everywhere.seed = options->first_seed + i;
        good &= everywhere_run(&everywhere);
    }
    everywhere_table_print(options->json ? stderr : stdout, &table);
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int command_crash_everywhere(int count, char **arguments)
{
    struct options options;
    struct plan plan = {NULL, 0};
    enum strike_how how = STRIKE_POWER;
    int code = take_scenarios(&options, COMMAND_EVERYWHERE, count, arguments);

    if (code == EXIT_DONE && options.files.count != 1)
        code = command_failed(EXIT_USAGE,
                              "kqsim crash-everywhere takes one scenario");
    if (code == EXIT_DONE && options.how != NULL &&
        !strike_how_parse(options.how, &how))
        code = command_failed(
            EXIT_USAGE,
            "--how is power, process, error, full or short, and not '%s'",
            options.how);
    if (code == EXIT_DONE)
        code = load(&options.files, &plan);
    if (code == EXIT_DONE)
        code = open_cases(&options);
    if (code == EXIT_DONE)
        code = options.at ? strike_one(&options, &plan, how)
                          : strike_all(&options, &plan, how);
    code = write_cases(&options, code);
    plan_release(&plan);
    options_release(&options);
    return code;
}

/* ---- explore ---- */

static int explore_one(struct options *options, const struct plan *plan)
{
    struct run_strike strike;
    int code;

    if (options->futures > 0 || options->limit > 0 || options->seeds > 1)
        return command_failed(EXIT_USAGE,
                              "--at is for a single run: it goes with "
                              "--seed");
    if (!strike_parse_future(options->at, &strike))
        return command_failed(
            EXIT_USAGE,
            "--at takes a turn and a future of it, as 1234:2, and not "
            "'%s'",
            options->at);
    code = open_page(options, true);
    if (code != EXIT_DONE)
        return code;
    return page_of_file(options, plan->scenarios[0], &strike,
                        sweep(options, plan, &strike));
}

static int explore_all(const struct options *options, const struct plan *plan)
{
    struct explore explore = {.scenario = plan->scenarios[0],
                              .futures = options->futures > 0
                                             ? (uint32_t)options->futures
                                             : EXPLORE_FUTURES,
                              .limit = options->limit,
                              .jobs = (unsigned)options->jobs,
                              .json = options->json,
                              .junit = options->cases};
    bool good = true;

    if (options->trace || options->html || options->has_beside)
        return command_failed(EXIT_USAGE,
                              "--trace, --html and --beside are for a single "
                              "run: name it by --at");
    if (options->futures > FUTURES_MAX)
        return command_failed(EXIT_USAGE, "--futures must be at most %d",
                              FUTURES_MAX);
    for (uint64_t i = 0; i < options->seeds; i++) {
        explore.seed = options->first_seed + i;
        good &= explore_run(&explore);
    }
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int command_explore(int count, char **arguments)
{
    struct options options;
    struct plan plan = {NULL, 0};
    int code = take_scenarios(&options, COMMAND_EXPLORE, count, arguments);

    if (code == EXIT_DONE && options.files.count != 1)
        code = command_failed(EXIT_USAGE, "kqsim explore takes one scenario");
    if (code == EXIT_DONE)
        code = load(&options.files, &plan);
    if (code == EXIT_DONE)
        code = open_cases(&options);
    if (code == EXIT_DONE)
        code = options.at ? explore_one(&options, &plan)
                          : explore_all(&options, &plan);
    code = write_cases(&options, code);
    plan_release(&plan);
    options_release(&options);
    return code;
}

/* ---- shrink ---- */

/* It took minutes: what cannot be in its file goes to standard output. */
static int write_out(const struct options *options, const char *text)
{
    FILE *file = options->out ? fopen(options->out, "w") : stdout;
    int problem = file ? 0 : errno;

    if (fputs(text, file ? file : stdout) < 0 || fflush(file) != 0)
        problem = errno;
    if (file != NULL && file != stdout && fclose(file) != 0)
        problem = errno;
    if (problem == 0)
        return EXIT_DONE;
    return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                          options->out ? options->out : "to standard output",
                          strerror(problem));
}

static int tell_shrunk(const struct options *options, enum shrink_end end,
                       const struct shrunk *shrunk)
{
    if (end == SHRINK_PASSES)
        return command_failed(EXIT_USAGE,
                              "nothing to shrink: seed %" PRIu64 " passes",
                              options->first_seed);
    if (end == SHRINK_PROVES_NOTHING)
        return command_failed(
            EXIT_USAGE,
            "nothing to shrink: no oracle speaks of seed %" PRIu64 ": %s",
            options->first_seed, shrunk->message);
    fprintf(stderr,
            "left after %" PRIu64 " runs: steps %zu, occurrences of faults "
            "%zu, clients %zu: %s\n",
            shrunk->runs, shrunk->steps, shrunk->occurrences, shrunk->clients,
            shrunk->message);
    if (end == SHRINK_OUT_OF_TIME)
        fputs("time ran out: it may hold more than is needed; see --minutes\n",
              stderr);
    return write_out(options, shrunk->text);
}

#define SHRINK_MINUTES 5

static int shrink(const struct options *options,
                  const struct scenario *scenario)
{
    struct shrink_plan plan = {
        .scenario = scenario,
        .seed = options->first_seed,
        .out = options->out ? options->out : "FILE",
        .minutes = options->minutes > 0 ? options->minutes : SHRINK_MINUTES,
        .jobs = (unsigned)options->jobs};
    struct shrunk shrunk;
    enum shrink_end end = shrink_run(&plan, &shrunk);
    int code = tell_shrunk(options, end, &shrunk);

    free(shrunk.text);
    return code;
}

static int command_shrink(int count, char **arguments)
{
    struct options options;
    struct plan plan = {NULL, 0};
    int code = options_take(&options, COMMAND_SHRINK, count, arguments);

    if (code == EXIT_DONE && (options.files.count != 1 || !options.has_seed))
        code = command_failed(EXIT_USAGE,
                              "kqsim shrink takes one scenario and the "
                              "--seed of a run that fails");
    if (code == EXIT_DONE)
        code = load(&options.files, &plan);
    if (code == EXIT_DONE)
        code = shrink(&options, plan.scenarios[0]);
    plan_release(&plan);
    options_release(&options);
    return code;
}

/* ---- swarm ---- */

static int swarm(const struct options *options)
{
    struct swarm all = {.first_seed = options->first_seed,
                        .seeds = options->seeds,
                        .minutes = options->minutes,
                        .jobs = (unsigned)options->jobs,
                        .json = options->json,
                        .junit = options->cases};
    bool good;

    if (all.minutes > 0 && !options->has_seeds)
        all.seeds = UINT64_MAX - all.first_seed;
    if (options->trace != NULL) {
        all.trace = fopen(options->trace, "w");
        if (all.trace == NULL)
            return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                                  options->trace, strerror(errno));
    }
    good = swarm_run(&all);
    if (all.trace != NULL && fclose(all.trace) != 0)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              options->trace, strerror(errno));
    return good ? EXIT_DONE : EXIT_FAILED;
}

static int print_drawn(uint64_t seed)
{
    char *text = swarm_draw(seed);

    fputs(text, stdout);
    free(text);
    return EXIT_DONE;
}

static int command_swarm(int count, char **arguments)
{
    struct options options;
    int code = options_take(&options, COMMAND_SWARM, count, arguments);
    bool single = !options.has_seeds && options.minutes == 0;

    if (code == EXIT_DONE && options.files.count > 0)
        code = command_failed(EXIT_USAGE,
                              "kqsim swarm draws its scenarios and takes no "
                              "file: see kqsim run");
    if (code == EXIT_DONE && (options.print || options.trace) && !single)
        code = command_failed(EXIT_USAGE,
                              "--print and --trace are for a single run: "
                              "one --seed");
    if (code == EXIT_DONE)
        code = open_page(&options, single && !options.print);
    if (code == EXIT_DONE)
        code = open_cases(&options);
    if (code == EXIT_DONE)
        code =
            options.print ? print_drawn(options.first_seed) : swarm(&options);
    if (!options.print && options.html != NULL && code <= EXIT_FAILED && single)
        code = page_of_swarm(&options, code);
    code = write_cases(&options, code);
    options_release(&options);
    return code;
}

/* ---- lint, new, lists ---- */

static int command_lint(int count, char **arguments)
{
    struct options options;
    struct plan plan = {NULL, 0};
    int code = take_scenarios(&options, COMMAND_LINT, count, arguments);

    if (code == EXIT_DONE)
        code = load(&options.files, &plan);
    if (code == EXIT_DONE)
        printf("%zu scenario%s, nothing wrong\n", plan.count,
               plan.count == 1 ? "" : "s");
    plan_release(&plan);
    options_release(&options);
    return code;
}

static int command_new(int count, char **arguments)
{
    FILE *file;
    bool good;

    if (count != 1)
        return command_failed(EXIT_USAGE,
                              "kqsim new takes the name of one new file");
    file = fopen(arguments[0], "wx");
    if (file == NULL)
        return command_failed(errno == EEXIST ? EXIT_USAGE : EXIT_ENVIRONMENT,
                              "cannot write %s: %s", arguments[0],
                              strerror(errno));
    good = fputs(scenario_template, file) >= 0;
    if (fclose(file) != 0 || !good)
        return command_failed(EXIT_ENVIRONMENT, "cannot write %s: %s",
                              arguments[0], strerror(errno));
    printf("%s is written. Next: %s run %s --seeds 20\n", arguments[0], program,
           arguments[0]);
    return EXIT_DONE;
}

static int command_schema(int count, char **arguments)
{
    (void)arguments;
    if (count != 0)
        return command_failed(EXIT_USAGE, "kqsim schema takes no argument");
    scenario_schema(stdout);
    return EXIT_DONE;
}

static int command_faults(int count, char **arguments)
{
    (void)arguments;
    if (count != 0)
        return command_failed(EXIT_USAGE, "kqsim faults takes no argument");
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        const struct fault_description *fault =
            fault_describe((enum fault_point)i);

        printf("%-24s %s; what must hold: %s\n", fault->name, fault->happens,
               fault->holds);
    }
    return EXIT_DONE;
}

static int command_oracles(int count, char **arguments)
{
    (void)arguments;
    if (count != 0)
        return command_failed(EXIT_USAGE, "kqsim oracles takes no argument");
    for (size_t i = 0; i < ORACLE_COUNT; i++)
        printf("%-28s %-4s %s\n", oracle_name((enum oracle_id)i),
               oracle_invariant((enum oracle_id)i),
               oracle_sentence((enum oracle_id)i));
    return EXIT_DONE;
}

static int command_marks(int count, char **arguments)
{
    (void)arguments;
    if (count != 0)
        return command_failed(EXIT_USAGE, "kqsim marks takes no argument");
#define MARK(name, text, sentence) printf("%-34s %s\n", text, sentence);
#include "seam/marks.def"
#undef MARK
    return EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(int count, char **arguments);
} commands[] = {
    {"run", command_run},
    {"lint", command_lint},
    {"new", command_new},
    {"schema", command_schema},
    {"faults", command_faults},
    {"oracles", command_oracles},
    {"marks", command_marks},
    {"crash-everywhere", command_crash_everywhere},
    {"explore", command_explore},
    {"swarm", command_swarm},
    {"shrink", command_shrink},
};

static bool asks_for_help(int count, char **arguments)
{
    if (count >= 2 && strcmp(arguments[1], "help") == 0)
        return true;
    for (int i = 1; i < count; i++)
        if (strcmp(arguments[i], "--help") == 0)
            return true;
    return false;
}

/* One run after the other takes the same memory: it need not go back to the
 * kernel in between, which would hand out zeroed pages again. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int main(int count, char **arguments)
{
    keep_memory();
    program = arguments[0];
    report_called(program);
    if (asks_for_help(count, arguments)) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (count >= 2 && strcmp(arguments[1], commands[i].name) == 0)
            return commands[i].run(count - 2, arguments + 2);
    if (count >= 2)
        fprintf(stderr, "kqsim: there is no command '%s'\n", arguments[1]);
    fputs(usage, stderr);
    return EXIT_USAGE;
}

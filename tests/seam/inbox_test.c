/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox: messages in the order of posting, calls that block off the
 * loop, one after the other.
 */
#include "seam/inbox.h"

#include "tests/seam/harness.h"

struct letter {
    struct inbox_message message;
    struct inbox *inbox;
    char text;
};

static char order[64];
static size_t delivered;

static int reset(void **state)
{
    delivered = 0;
    memset(order, 0, sizeof order);
    return harness_setup(state);
}

static void note(char text)
{
    assert_true(delivered < sizeof order - 1);
    order[delivered++] = text;
}

static void on_letter(struct inbox_message *message)
{
    struct letter *letter = container_of(message, struct letter, message);
    struct inbox *inbox = letter->inbox;

    note(letter->text);
    inbox_message_free(inbox, letter);
}

static void post(struct inbox *inbox, char text)
{
    struct letter *letter = inbox_message_new(inbox, sizeof *letter);

    assert_int_equal(letter->text, 0);
    letter->message.deliver = on_letter;
    letter->inbox = inbox;
    letter->text = text;
    inbox_post(inbox, &letter->message);
}

static bool delivered_are(void *context)
{
    return delivered >= *(size_t *)context;
}

static void wait_for(struct harness *harness, size_t count)
{
    harness_wait(harness, delivered_are, &count);
}

static void messages_come_in_the_order_of_posting(void **state)
{
    struct inbox *inbox = harness_seam(*state)->inbox;

    for (char text = 'a'; text <= 'z'; text++)
        post(inbox, text);
    assert_int_equal(delivered, 0);
    wait_for(*state, 26);
    assert_string_equal(order, "abcdefghijklmnopqrstuvwxyz");
}

static void on_first(struct inbox_message *message)
{
    struct letter *letter = container_of(message, struct letter, message);

    post(letter->inbox, 'c');
    on_letter(message);
}

static void one_posted_while_delivering_comes_last(void **state)
{
    struct inbox *inbox = harness_seam(*state)->inbox;
    struct letter *letter = inbox_message_new(inbox, sizeof *letter);

    letter->message.deliver = on_first;
    letter->inbox = inbox;
    letter->text = 'a';
    inbox_post(inbox, &letter->message);
    post(inbox, 'b');
    wait_for(*state, 3);
    assert_string_equal(order, "abc");
}

struct job {
    struct offload offload;
    struct inbox *inbox;
    char letter;
    bool ran;
};

static char ran[8];
static size_t ran_count;

static void job_run(struct offload *offload)
{
    struct job *job = container_of(offload, struct job, offload);

    job->ran = true;
    ran[ran_count++] = job->letter;
}

static void job_done(struct offload *offload)
{
    struct job *job = container_of(offload, struct job, offload);

    assert_true(job->ran);
    note(job->letter);
}

static struct job make_job(struct harness *harness, char letter)
{
    return (struct job){.offload = {.run = job_run, .done = job_done},
                        .inbox = harness_seam(harness)->inbox,
                        .letter = letter};
}

static void offloaded_calls_run_one_after_the_other(void **state)
{
    struct job jobs[3] = {make_job(*state, 'a'), make_job(*state, 'b'),
                          make_job(*state, 'c')};

    ran_count = 0;
    memset(ran, 0, sizeof ran);
    for (int i = 0; i < 3; i++)
        inbox_offload(jobs[i].inbox, &jobs[i].offload);
    assert_int_equal(delivered, 0);
    wait_for(*state, 3);
    assert_string_equal(order, "abc");
    assert_string_equal(ran, "abc");
}

static void run_and_post(struct offload *offload)
{
    struct job *job = container_of(offload, struct job, offload);

    post(job->inbox, 'a');
    job->ran = true;
}

static void what_a_call_posts_comes_before_its_end(void **state)
{
    struct job job = make_job(*state, 'b');

    job.offload.run = run_and_post;
    inbox_offload(job.inbox, &job.offload);
    wait_for(*state, 2);
    assert_string_equal(order, "ab");
}

static struct job next_job;

static void done_and_again(struct offload *offload)
{
    job_done(offload);
    inbox_offload(next_job.inbox, &next_job.offload);
}

static void a_call_may_be_offloaded_at_the_end_of_one(void **state)
{
    struct job job = make_job(*state, 'a');

    ran_count = 0;
    next_job = make_job(*state, 'b');
    job.offload.done = done_and_again;
    inbox_offload(job.inbox, &job.offload);
    wait_for(*state, 2);
    assert_string_equal(order, "ab");
}

int main(void)
{
#define INBOX_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, reset, harness_teardown)
    const struct CMUnitTest tests[] = {
        INBOX_TEST(messages_come_in_the_order_of_posting),
        INBOX_TEST(one_posted_while_delivering_comes_last),
        INBOX_TEST(offloaded_calls_run_one_after_the_other),
        INBOX_TEST(what_a_call_posts_comes_before_its_end),
        INBOX_TEST(a_call_may_be_offloaded_at_the_end_of_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

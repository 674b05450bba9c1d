/* Two people talk through a real relay: libpostern against posternd, restarted
 * in between, and driven in each of the library's ways.
 *   test_talk POSTERND
 */
#include "tests/integration/talkrig.h"

#include <poll.h>
#include <postern/uv.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

static void same_safety(postern_client *a, postern_client *b)
{
    postern_contact x = POSTERN_CONTACT_INIT, y = POSTERN_CONTACT_INIT;
    must(a, postern_contact_get(a, "bob", &x));
    must(b, postern_contact_get(b, "alice", &y));
    assert_int_equal(strlen(x.safety), 60);
    assert_string_equal(x.safety, y.safety);
    must(a, postern_contact_verify(a, "bob", y.safety));
    assert_int_equal(postern_contact_verify(a, "bob", "1"), POSTERN_E_REFUSED);
}

/* --- tests --------------------------------------------------------------- */

/* Texts both ways, the largest file, over restarts of everything. */
static void talk(void **state)
{
    postern_client *a = person("alice", POSTERN_DRIVE_THREAD);
    postern_client *b = person("bob", POSTERN_DRIVE_THREAD);
    postern_send_options file = POSTERN_SEND_OPTIONS_INIT;
    static uint8_t bytes[59000];
    char id[POSTERN_ID_SIZE];
    postern_event *event;
    (void)state;
    meet(a, b, 0);
    ack(b, next(b, POSTERN_EVENT_CONTACT_ADDED));
    ack(a, next(a, POSTERN_EVENT_CONTACT_ADDED));
    say(a, "bob", "hello", id);
    must(a, postern_wait(a, id, POSTERN_MESSAGE_RELAYED, WAIT_MS));
    hear(b, "hello");
    say(b, "alice", "good day", NULL);
    hear(a, "good day");
    same_safety(a, b);
    postern_close(&b); /* what is sent now waits at the relay */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    file.file_name = "notes.bin";
    file.file_type = "application/octet-stream";
    file.file_bytes = bytes;
    file.file_len = sizeof bytes;
    must(a, postern_send(a, "bob", &file, id));
    must(a, postern_wait(a, id, POSTERN_MESSAGE_RELAYED, WAIT_MS));
    relay_stop(SIGKILL);
    postern_close(&a);
    relay_start();
    b = open_as("bob", POSTERN_DRIVE_THREAD);
    event = next(b, POSTERN_EVENT_FILE);
    assert_string_equal(event->file_name, "notes.bin");
    assert_string_equal(event->contact_name, "alice");
    assert_int_equal(event->len, sizeof bytes);
    assert_memory_equal(event->bytes, bytes, sizeof bytes);
    postern_event_free(&event); /* not acknowledged: it comes again */
    postern_close(&b);
    b = open_as("bob", POSTERN_DRIVE_THREAD);
    event = next(b, POSTERN_EVENT_FILE);
    assert_int_equal(event->is_again, 1);
    ack(b, event);
    postern_close(&b);
    b = open_as("bob", POSTERN_DRIVE_THREAD);
    say(b, "alice", "got it", NULL);
    a = open_as("alice", POSTERN_DRIVE_THREAD);
    /* The receipts travel with the next message; nobody waits minutes here. */
    event = next(a, POSTERN_EVENT_DELIVERED);
    ack(a, event);
    hear(a, "got it");
    must(a, postern_wait(a, id, POSTERN_MESSAGE_DELIVERED, WAIT_MS));
    while (postern_next_event(b, 0, &event) == POSTERN_OK) {
        assert_int_not_equal(event->kind, POSTERN_EVENT_FILE);
        ack(b, event);
    }
    postern_close(&a);
    postern_close(&b);
}

/* The same, driven by poll(2), and by an offline invitation. */
static void driven_by_poll(void **state)
{
    postern_client *a = person("carol", POSTERN_DRIVE_POLL);
    postern_client *b = person("dave", POSTERN_DRIVE_THREAD);
    postern_event *event = NULL;
    struct pollfd fd;
    bool heard = false;
    (void)state;
    meet(a, b, 1);
    say(b, "alice", "over poll", NULL);
    fd = (struct pollfd){ .fd = postern_fd(a), .events = POLLIN };
    assert_true(fd.fd >= 0);
    assert_int_equal(postern_fd(b), -1);
    for (int turns = 0; turns < 10000 && !heard; turns++) {
        int timeout = postern_timeout(a);
        (void)poll(&fd, 1, timeout < 0 || timeout > 100 ? 100 : timeout);
        must(a, postern_dispatch(a));
        while (postern_next_event(a, 0, &event) == POSTERN_OK) {
            heard |= event->kind == POSTERN_EVENT_MESSAGE;
            ack(a, event);
        }
    }
    assert_true(heard);
    postern_close(&a);
    postern_close(&b);
}

/* --- on a loop of the program's ------------------------------------------ */

static postern_client *looped;
static bool detached;

static void on_detached(void *ctx)
{
    (void)ctx;
    detached = true;
}

static void on_ready(void *ctx)
{
    postern_event *event = NULL;
    bool *heard = ctx;
    while (!*heard && postern_next_event(looped, 0, &event) == POSTERN_OK) {
        *heard = event->kind == POSTERN_EVENT_MESSAGE;
        ack(looped, event);
    }
}

static void driven_by_a_loop(void **state)
{
    postern_client *b = person("erin", POSTERN_DRIVE_THREAD);
    bool heard = false;
    uv_loop_t loop;
    (void)state;
    looped = person("frank", POSTERN_DRIVE_POLL);
    meet(looped, b, 0);
    say(b, "alice", "over uv", NULL);
    assert_int_equal(uv_loop_init(&loop), 0);
    must(looped, postern_uv_attach(looped, &loop, on_ready, &heard));
    assert_int_equal(postern_uv_attach(looped, &loop, NULL, NULL),
                     POSTERN_E_STATE);
    while (!heard)
        (void)uv_run(&loop, UV_RUN_ONCE);
    must(looped, postern_uv_detach(looped, on_detached, NULL));
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(detached);
    assert_int_equal(uv_loop_close(&loop), 0);
    postern_close(&looped);
    postern_close(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talk),
        cmocka_unit_test(driven_by_poll),
        cmocka_unit_test(driven_by_a_loop),
    };
    if (argc < 2)
        return 2;
    posternd = argv[1];
    return cmocka_run_group_tests(tests, talkrig_setup, talkrig_teardown);
}

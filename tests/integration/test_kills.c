/* What holds when people and their relay end at any moment: libpostern against
 * posternd, closed and killed.
 *   test_kills POSTERND [ROUNDS]
 */
#include "tests/integration/talkrig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned rounds = 6;

/* --- closed ----------------------------------------------------------------
 */

/* What a program was shown is there when it opens the store again, though it
 * closed it in the instant in which it saw it. */
static void keeps_what_it_showed(void **state)
{
    postern_client *a = person("iris", POSTERN_DRIVE_THREAD);
    postern_contact contact = POSTERN_CONTACT_INIT;
    const struct timespec moment = { 0, 20000 };
    char name[8];
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        postern_invite invite = POSTERN_INVITE_INIT;
        postern_invite_options o = POSTERN_INVITE_OPTIONS_INIT;
        postern_client *b;
        (void)snprintf(name, sizeof name, "jack%u", n);
        b = person(name, POSTERN_DRIVE_THREAD);
        o.name = name;
        must(a, postern_invite_create(a, &o, WAIT_MS, &invite));
        assert_int_equal(postern_invite_accept(b, invite.text,
                                               strlen(invite.text), "iris", 0,
                                               &contact),
                         POSTERN_E_PENDING); /* it goes on by itself */
        while (postern_contact_get(a, name, &contact) != POSTERN_OK)
            (void)nanosleep(&moment, NULL); /* until the test's time limit */
        postern_close(&a);
        relay_stop(SIGKILL); /* which would tell it again */
        a = open_as("iris", POSTERN_DRIVE_THREAD);
        must(a, postern_contact_get(a, name, &contact));
        relay_start();
        postern_close(&b);
    }
    postern_close(&a);
}

/* --- killed -------------------------------------------------------------- */

/* A child sends numbered messages under ids of its own until it is killed;
 * after each it says on the pipe which are durable. */
static void sender(int out)
{
    postern_client *c = open_as("gina", POSTERN_DRIVE_THREAD);
    for (unsigned n = 0; n < 40; n++) {
        postern_send_options o = POSTERN_SEND_OPTIONS_INIT;
        char text[32], id[POSTERN_ID_SIZE];
        int error;
        (void)snprintf(text, sizeof text, "number %u", n);
        o.text = text;
        o.text_len = strlen(text);
        o.id = text;
        error = postern_send(c, "bob", &o, id);
        if (error != POSTERN_OK) {
            print_message("not sent: %s\n", postern_strerror(error));
            _exit(1);
        }
        if (write(out, &n, sizeof n) != (ssize_t)sizeof n)
            _exit(1);
        nap(25);
    }
    (void)sleep(5);
    _exit(0);
}

/* A child takes messages, writes each to a file as its application would, and
 * acknowledges; it is killed too. */
static void receiver(const char *file)
{
    postern_client *c = open_as("hugo", POSTERN_DRIVE_THREAD);
    const int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    postern_event *event = NULL;
    while (postern_next_event(c, 60000, &event) == POSTERN_OK) {
        if (event->kind == POSTERN_EVENT_MESSAGE) {
            char line[128];
            const int len =
                snprintf(line, sizeof line, "%s %.*s\n", event->message,
                         (int)event->len, (const char *)event->bytes);
            if (write(fd, line, (size_t)len) != len || fsync(fd) != 0)
                _exit(1);
        }
        if (postern_event_ack(c, event->sequence) != POSTERN_OK)
            _exit(1);
        if (event->kind == POSTERN_EVENT_MESSAGE &&
            write(fd, "+\n", 2) != 2) /* never again from here on */
            _exit(1);
        postern_event_free(&event);
    }
    _exit(0);
}

static pid_t start_child(void (*run)(const char *), const char *arg)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run(arg);
    return pid;
}

static void end_child(pid_t pid)
{
    int status;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
}

/* What the application wrote: each number at least once; one that was
 * acknowledged never again. Returns how many different ones there are. */
static unsigned check_journal(const char *file)
{
    static unsigned count[40];
    static bool acked[40];
    char line[256];
    unsigned last = 0, different = 0;
    FILE *f = fopen(file, "r");
    if (f == NULL)
        return 0;
    memset(count, 0, sizeof count);
    memset(acked, 0, sizeof acked);
    while (fgets(line, sizeof line, f) != NULL) {
        char *at = strstr(line, "number ");
        if (line[0] == '+') {
            acked[last] = true;
            continue;
        }
        if (at == NULL)
            continue;
        last = (unsigned)strtoul(at + 7, NULL, 10);
        assert_true(last < 40);
        assert_false(acked[last]); /* given again after it was taken */
        different += count[last]++ == 0 ? 1 : 0;
    }
    (void)fclose(f);
    return different;
}

/* What waits, for whoever reads of a failure. */
static void explain(const char *name)
{
    postern_client *c = open_as(name, POSTERN_DRIVE_THREAD);
    postern_list *list = NULL;
    nap(3000);
    must(c, postern_outbox_list(c, &list));
    for (size_t i = 0; i < postern_list_count(list); i++) {
        const postern_outgoing *o = postern_list_outgoing(list, i);
        print_message("%s: state %u, %u attempts: %s\n", o->id, o->state,
                      o->attempts, o->reason);
    }
    postern_list_free(&list);
    must(c, postern_relay_list(c, &list));
    for (size_t i = 0; i < postern_list_count(list); i++)
        print_message("relay: state %u: %s\n",
                      postern_list_relay(list, i)->state,
                      postern_list_relay(list, i)->reason);
    postern_list_free(&list);
    postern_close(&c);
}

/* Sender, receiver and relay are killed at random moments, again and again:
 * what was sent arrives, and nothing that was taken comes again. */
static void survives_kills(void **state)
{
    postern_client *a = person("gina", POSTERN_DRIVE_THREAD);
    postern_client *b = person("hugo", POSTERN_DRIVE_THREAD);
    char journal[256];
    unsigned dice = 12345, got = 0;
    int fds[2];
    (void)state;
    meet(a, b, 0);
    postern_close(&a);
    postern_close(&b);
    (void)snprintf(journal, sizeof journal, "%s/journal", root);
    assert_int_equal(pipe(fds), 0);
    for (unsigned round = 0; round < rounds + 20 && got < 40; round++) {
        const bool last = round >= rounds;
        pid_t send = fork(), receive;
        assert_true(send >= 0);
        if (send == 0)
            sender(fds[1]);
        receive = start_child(receiver, journal);
        dice = dice * 1103515245 + 12345;
        nap(last ? 4000 : 150 + (dice >> 16) % 700);
        if ((dice >> 8) % 3 == 0 && !last) {
            relay_stop(SIGKILL);
            relay_start();
        }
        end_child(send);
        dice = dice * 1103515245 + 12345;
        nap((dice >> 16) % 300);
        end_child(receive);
        got = check_journal(journal);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
    if (got != 40)
        explain("gina");
    assert_int_equal(got, 40);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_showed),
        cmocka_unit_test(survives_kills),
    };
    if (argc < 2)
        return 2;
    posternd = argv[1];
    if (argc > 2)
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, talkrig_setup, talkrig_teardown);
}

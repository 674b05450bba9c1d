/* Two people talk through a real relay: libpostern against posternd, with both
 * killed and started again in between.
 *   test_talk POSTERND [ROUNDS]
 */
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <poll.h>
#include <postern/postern.h>
#include <postern/uv.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 30000, LINE = 1024 };

static const char *posternd;
static unsigned rounds = 6;
static char root[128], relay_dir[160], address[LINE], port[16] = "0";
static pid_t relay_pid = -1;

/* --- the relay ----------------------------------------------------------- */

/* Run posternd with these arguments; its stdout goes to *out. */
static void command(const char *what, char *out, size_t cap)
{
    char line[LINE], shell[4 * LINE];
    FILE *f;
    (void)snprintf(shell, sizeof shell, "%s %s --dir %s", posternd, what,
                   relay_dir);
    f = popen(shell, "r");
    assert_non_null(f);
    out[0] = '\0';
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(out, cap, "%s", line); /* the last line counts */
    }
    assert_int_equal(pclose(f), 0);
}

static void relay_start(void)
{
    int fds[2];
    char text[LINE];
    size_t len = 0;
    assert_int_equal(pipe(fds), 0);
    relay_pid = fork();
    assert_true(relay_pid >= 0);
    if (relay_pid == 0) {
        (void)dup2(fds[1], STDERR_FILENO);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)execl(posternd, posternd, "run", "--dir", relay_dir,
                    (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    for (;;) { /* until it says that it is ready */
        const ssize_t n = read(fds[0], text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
        text[len] = '\0';
        if (strstr(text, "ready") != NULL)
            break;
    }
    /* The pipe stays open: the relay may go on writing to it. */
}

static void relay_stop(int how)
{
    int status;
    if (relay_pid < 0)
        return;
    (void)kill(relay_pid, how);
    (void)waitpid(relay_pid, &status, 0);
    relay_pid = -1;
}

/* A port that was free a moment ago: the relay must keep it over restarts. */
static void choose_port(void)
{
    (void)snprintf(port, sizeof port, "%d", 20000 + (int)(getpid() % 20000));
}

static int setup(void **state)
{
    char what[LINE];
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/postern-talk-XXXXXX");
    assert_non_null(mkdtemp(root));
    (void)snprintf(relay_dir, sizeof relay_dir, "%s/relay", root);
    choose_port();
    (void)snprintf(what, sizeof what, "init --listen 127.0.0.1:%s", port);
    command(what, address, sizeof address);
    assert_memory_equal(address, "postern://", 10);
    relay_start();
    return 0;
}

static int teardown(void **state)
{
    char shell[LINE];
    (void)state;
    relay_stop(SIGTERM);
    (void)snprintf(shell, sizeof shell, "rm -rf %s", root);
    return system(shell);
}

/* --- people -------------------------------------------------------------- */

static postern_client *open_as(const char *name, uint32_t drive)
{
    postern_open_options o = POSTERN_OPEN_OPTIONS_INIT;
    char home[256];
    postern_client *c = NULL;
    (void)snprintf(home, sizeof home, "%s/%s", root, name);
    o.home = home;
    o.passphrase = (const uint8_t *)"correct horse";
    o.passphrase_len = 13;
    o.flags = POSTERN_OPEN_CREATE;
    o.drive = drive;
    o.name = name;
    assert_int_equal(postern_open(&c, &o), POSTERN_OK);
    return c;
}

static postern_client *person(const char *name, uint32_t drive)
{
    postern_client *c = open_as(name, drive);
    assert_int_equal(postern_relay_add(c, address), POSTERN_OK);
    return c;
}

static void must(postern_client *c, int error)
{
    char text[512];
    if (error == POSTERN_OK)
        return;
    postern_last_error(c, text, sizeof text);
    print_message("%s: %s\n", postern_strerror(error), text);
    assert_int_equal(error, POSTERN_OK);
}

static void nap(unsigned ms)
{
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&t, NULL);
}

static void meet(postern_client *a, postern_client *b, uint32_t offline)
{
    postern_invite invite = POSTERN_INVITE_INIT;
    postern_invite_options o = POSTERN_INVITE_OPTIONS_INIT;
    postern_contact contact = POSTERN_CONTACT_INIT;
    o.name = "bob";
    o.is_offline = offline;
    must(a, postern_invite_create(a, &o, WAIT_MS, &invite));
    assert_int_equal(invite.state, POSTERN_INVITE_OPEN);
    if (!offline)
        assert_true(strlen(invite.text) < 300);
    must(b, postern_invite_accept(b, invite.text, strlen(invite.text), "alice",
                                  WAIT_MS, &contact));
    assert_string_equal(contact.name, "alice");
    /* The inviter has the contact when the first message has come. */
    for (unsigned n = 0; n < 300; n++) {
        if (postern_contact_get(a, "bob", &contact) == POSTERN_OK)
            return;
        if (postern_fd(a) >= 0)
            must(a, postern_dispatch(a));
        nap(100);
    }
    fail_msg("the inviter never heard of the answer");
}

static void ack(postern_client *c, postern_event *event)
{
    must(c, postern_event_ack(c, event->sequence));
    postern_event_free(&event);
}

/* The next event but for a relay's coming and going, and for receipts, which
 * come with any message. */
static postern_event *next(postern_client *c, uint32_t kind)
{
    postern_event *event = NULL;
    for (;;) {
        must(c, postern_next_event(c, WAIT_MS, &event));
        if (event->kind != POSTERN_EVENT_RELAY_STATE &&
            (event->kind != POSTERN_EVENT_DELIVERED || event->kind == kind))
            break;
        ack(c, event);
    }
    assert_int_equal(event->kind, kind);
    return event;
}

static void say(postern_client *c, const char *to, const char *text, char *id)
{
    postern_send_options o = POSTERN_SEND_OPTIONS_INIT;
    char unused[POSTERN_ID_SIZE];
    o.text = text;
    o.text_len = strlen(text);
    must(c, postern_send(c, to, &o, id == NULL ? unused : id));
}

static void hear(postern_client *c, const char *text)
{
    postern_event *event = next(c, POSTERN_EVENT_MESSAGE);
    assert_int_equal(event->len, strlen(text));
    assert_string_equal((const char *)event->bytes, text);
    ack(c, event);
}

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

/* --- killed -------------------------------------------------------------- */

/* A child sends numbered messages under ids of its own until it is killed;
 * after each it says on the pipe which are durable. */
static void sender(int out)
{
    postern_client *c = open_as("gina", POSTERN_DRIVE_THREAD);
    for (unsigned n = 0; n < 40; n++) {
        postern_send_options o = POSTERN_SEND_OPTIONS_INIT;
        char text[32], id[POSTERN_ID_SIZE];
        (void)snprintf(text, sizeof text, "number %u", n);
        o.text = text;
        o.text_len = strlen(text);
        o.id = text;
        if (postern_send(c, "bob", &o, id) != POSTERN_OK)
            _exit(1);
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
        cmocka_unit_test(talk),
        cmocka_unit_test(driven_by_poll),
        cmocka_unit_test(driven_by_a_loop),
        cmocka_unit_test(survives_kills),
    };
    if (argc < 2)
        return 2;
    posternd = argv[1];
    if (argc > 2)
        rounds = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, setup, teardown);
}

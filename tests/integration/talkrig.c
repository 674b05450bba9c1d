/* A relay and people who meet through it. */
#include "tests/integration/talkrig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *posternd;
char root[128];
static char relay_dir[160], address[LINE], port[16] = "0";
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

void relay_start(void)
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

void relay_stop(int how)
{
    int status;
    if (relay_pid < 0)
        return;
    (void)kill(relay_pid, how);
    (void)waitpid(relay_pid, &status, 0);
    relay_pid = -1;
}

/* One of our own below those that the system gives to whoever connects: the
 * relay must find it free at each start. */
static void choose_port(void)
{
    (void)snprintf(port, sizeof port, "%d", 20000 + (int)(getpid() % 12000));
}

int talkrig_setup(void **state)
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

int talkrig_teardown(void **state)
{
    char shell[LINE];
    (void)state;
    relay_stop(SIGTERM);
    (void)snprintf(shell, sizeof shell, "rm -rf %s", root);
    return system(shell);
}

/* --- people -------------------------------------------------------------- */

postern_client *open_as(const char *name, uint32_t drive)
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

postern_client *person(const char *name, uint32_t drive)
{
    postern_client *c = open_as(name, drive);
    assert_int_equal(postern_relay_add(c, address), POSTERN_OK);
    return c;
}

void must(postern_client *c, int error)
{
    char text[512];
    if (error == POSTERN_OK)
        return;
    postern_last_error(c, text, sizeof text);
    print_message("%s: %s\n", postern_strerror(error), text);
    assert_int_equal(error, POSTERN_OK);
}

void nap(unsigned ms)
{
    const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&t, NULL);
}

void meet(postern_client *a, postern_client *b, uint32_t offline)
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

void ack(postern_client *c, postern_event *event)
{
    must(c, postern_event_ack(c, event->sequence));
    postern_event_free(&event);
}

postern_event *next(postern_client *c, uint32_t kind)
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

void say(postern_client *c, const char *to, const char *text, char *id)
{
    postern_send_options o = POSTERN_SEND_OPTIONS_INIT;
    char unused[POSTERN_ID_SIZE];
    o.text = text;
    o.text_len = strlen(text);
    must(c, postern_send(c, to, &o, id == NULL ? unused : id));
}

void hear(postern_client *c, const char *text)
{
    postern_event *event = next(c, POSTERN_EVENT_MESSAGE);
    assert_int_equal(event->len, strlen(text));
    assert_string_equal((const char *)event->bytes, text);
    ack(c, event);
}

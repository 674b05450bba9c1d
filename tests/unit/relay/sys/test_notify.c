#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "relay/sys/notify.h"

/* A datagram socket at `name` ('@' stands for the abstract NUL). */
static int listen_at(const char *name)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@')
        at.sun_path[0] = 0;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                      strlen(name))),
                     0);
    return fd;
}

static void told_by_path_and_by_abstract_name(void **state)
{
    char dir[] = P_tmpdir "/postern-notify-XXXXXX";
    char names[2][64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(names[0], sizeof names[0], "%s/socket", dir);
    snprintf(names[1], sizeof names[1], "@postern-notify-%d", getpid());
    for (int i = 0; i < 2; i++) {
        char got[64] = { 0 };
        const int fd = listen_at(names[i]);
        setenv("NOTIFY_SOCKET", names[i], 1);
        assert_int_equal(rl_notify("READY=1"), PN_OK);
        assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
        assert_string_equal(got, "READY=1");
        assert_int_equal(rl_notify_reloading(), PN_OK);
        assert_true(recv(fd, got, sizeof got - 1, 0) > 27);
        assert_memory_equal(got, "RELOADING=1\nMONOTONIC_USEC=", 27);
        close(fd);
    }
    assert_int_equal(unlink(names[0]), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void nothing_without_a_manager(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(rl_notify("READY=1"), PN_OK);
}

static void unusable_names_are_errors(void **state)
{
    char longest[200];
    (void)state;
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(rl_notify("READY=1"), PN_E_ARG);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(rl_notify("READY=1"), PN_E_ARG);
    memset(longest, '/', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    setenv("NOTIFY_SOCKET", longest, 1);
    assert_int_equal(rl_notify("READY=1"), PN_E_ARG);
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    assert_int_equal(rl_notify("READY=1"), PN_E_IO);
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_by_path_and_by_abstract_name),
        cmocka_unit_test(nothing_without_a_manager),
        cmocka_unit_test(unusable_names_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

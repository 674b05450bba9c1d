#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "relay/net/control.h"

static pn_err parse(const char *line, rl_control_request *out)
{
    return rl_control_parse(out,
                            (pn_bytes){ (const uint8_t *)line, strlen(line) });
}

static void commands_are_known(void **state)
{
    rl_control_request r;
    (void)state;
    assert_int_equal(parse("{\"v\":1,\"command\":\"status\"}", &r), PN_OK);
    assert_int_equal(r.command, RL_CONTROL_STATUS);
    assert_int_equal(parse("{\"command\":\"reload\",\"v\":1}\r", &r), PN_OK);
    assert_int_equal(r.command, RL_CONTROL_RELOAD);
}

static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *line;
        pn_err err;
    } bad[] = {
        { "", PN_E_PROTO },
        { "status", PN_E_PROTO },
        { "{}", PN_E_PROTO },
        { "{\"v\":1}", PN_E_PROTO },
        { "{\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":2,\"command\":\"status\"}", PN_E_VERSION },
        { "{\"v\":\"1\",\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":1,\"command\":1}", PN_E_PROTO },
        { "{\"v\":1,\"v\":1,\"command\":\"status\"}", PN_E_PROTO },
        { "{\"v\":1,\"command\":\"status\",\"command\":\"status\"}",
          PN_E_PROTO },
        { "{\"v\":1,\"command\":\"status\",\"more\":1}", PN_E_PROTO },
        { "{\"v\":1,\"command\":\"statu\"}", PN_E_NOT_FOUND },
        { "{\"v\":1,\"command\":\"\"}", PN_E_NOT_FOUND },
        { "{\"v\":1,\"command\":\"statusstatusstatusstatusstatusstatus\"}",
          PN_E_NOT_FOUND },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rl_control_request r;
        assert_int_equal(parse(bad[i].line, &r), bad[i].err);
    }
}

static void long_lines_are_refused(void **state)
{
    char line[RL_CONTROL_REQUEST_MAX + 2];
    rl_control_request r;
    (void)state;
    memset(line, ' ', sizeof line);
    memcpy(line, "{\"v\":1,\"command\":\"status\"}", 26);
    line[sizeof line - 1] = 0;
    assert_int_equal(parse(line, &r), PN_E_PROTO);
    line[RL_CONTROL_REQUEST_MAX] = 0;
    assert_int_equal(parse(line, &r), PN_OK);
}

typedef struct house {
    uv_loop_t loop;
    rl_control *control;
    char dir[32];
    struct sockaddr_un at;
} house;

static bool answer(void *ctx, const rl_control_request *request,
                   uint64_t ticket, pn_json *j)
{
    (void)ctx;
    (void)request;
    (void)ticket;
    pn_json_text(j, "type", "status");
    return true;
}

static void open_house(house *h)
{
    memset(h, 0, sizeof *h);
    (void)snprintf(h->dir, sizeof h->dir, "/tmp/postern-control-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    h->at.sun_family = AF_UNIX;
    (void)snprintf(h->at.sun_path, sizeof h->at.sun_path, "%s/s", h->dir);
    assert_int_equal(uv_loop_init(&h->loop), 0);
    assert_int_equal(
        rl_control_start(&h->control, &h->loop, h->at.sun_path, answer, NULL),
        PN_OK);
}

static void turns(house *h)
{
    for (int i = 0; i < 20; i++)
        (void)uv_run(&h->loop, UV_RUN_NOWAIT);
}

static void close_house(house *h)
{
    rl_control_stop(&h->control);
    (void)uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&h->loop), 0);
    assert_int_equal(rmdir(h->dir), 0);
}

static int call(const house *h)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&h->at, sizeof h->at),
                     0);
    return fd;
}

/* Ask, and say whether there was an answer (1), a refusal (0), nothing (-1). */
static int ask(house *h, int fd)
{
    static const char line[] = "{\"v\":1,\"command\":\"status\"}\n";
    char got[256];
    ssize_t n;
    (void)send(fd, line, sizeof line - 1, MSG_NOSIGNAL);
    turns(h);
    n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    (void)close(fd);
    turns(h);
    return n > 0 ? 1 : n == 0 ? 0 : -1;
}

/* Many call at once and stay silent: those beyond the bound are dropped, and
 * when the others are gone there is an answer again. */
static void more_callers_than_places(void **state)
{
    enum { MANY = 12 };
    house h;
    int fd[MANY];
    unsigned dropped = 0;
    (void)state;
    open_house(&h);
    for (size_t i = 0; i < MANY; i++)
        fd[i] = call(&h);
    turns(&h);
    for (size_t i = 0; i < MANY; i++) {
        char one;
        dropped += recv(fd[i], &one, 1, MSG_DONTWAIT) == 0;
        (void)close(fd[i]);
    }
    assert_int_equal(dropped, MANY - RL_CONTROL_CALLERS_MAX);
    turns(&h);
    assert_int_equal(ask(&h, call(&h)), 1);
    close_house(&h);
}

static bool nothing_left(void *ctx)
{
    (void)ctx;
    return true;
}

/* Without memory callers are dropped, and not one of them stops those who come
 * when there is some again. */
static void no_memory_is_no_end(void **state)
{
    house h;
    int fd[3];
    (void)state;
    open_house(&h);
    for (size_t i = 0; i < 3; i++)
        fd[i] = call(&h);
    pn_alloc_set_fault(nothing_left, NULL);
    turns(&h);
    pn_alloc_set_fault(NULL, NULL);
    for (size_t i = 0; i < 3; i++)
        assert_true(ask(&h, fd[i]) < 1);
    assert_int_equal(ask(&h, call(&h)), 1);
    close_house(&h);
}

/* The end may come while somebody is being dropped. */
static void it_may_end_at_the_door(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 8; n++) {
        house h;
        int fd[8];
        open_house(&h);
        for (size_t i = 0; i < 8; i++)
            fd[i] = call(&h);
        for (unsigned i = 0; i < n; i++)
            (void)uv_run(&h.loop, UV_RUN_NOWAIT);
        close_house(&h);
        for (size_t i = 0; i < 8; i++)
            (void)close(fd[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_known),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(long_lines_are_refused),
        cmocka_unit_test(more_callers_than_places),
        cmocka_unit_test(no_memory_is_no_end),
        cmocka_unit_test(it_may_end_at_the_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

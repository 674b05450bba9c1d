/* Two whole conversations of the independent implementation: every message is
 * sealed here again on its randomness, and opened in its order. */
#include "tests/support/cmocka.h"

#include <string.h>

#include "client/core/session.h"
#include "tests/unit/client/core/vector.h"

enum { MESSAGES = 128, MESSAGE_ROOM = 8192 };

typedef struct talk {
    cl_identity id[2]; /* a, b */
    cl_session *session[2];
    cl_bundle bundle;
    cl_prekeys keys;
    uint8_t sent[MESSAGES][MESSAGE_ROOM];
    size_t sent_len[MESSAGES];
    const json_t *content[MESSAGES];
    size_t count;
} talk;

static talk t;

static void seal_step(const json_t *o, const pn_env *env, int who)
{
    uint8_t content[256];
    const pn_bytes in = bytes_to(content, o, "content");
    assert_true(t.count < MESSAGES);
    assert_int_equal(cl_session_seal(t.session[who], env, in, t.sent[t.count],
                                     MESSAGE_ROOM, &t.sent_len[t.count]),
                     PN_OK);
    same(o, "message", t.sent[t.count], t.sent_len[t.count]);
    t.content[t.count++] = o;
}

static void open_step(const json_t *o, const pn_env *env, int who)
{
    const size_t n = (size_t)number(o, "message_number");
    cl_opened opened;
    assert_true(n < t.count);
    assert_int_equal(cl_session_open(t.session[who], env, &t.id[who], &t.keys,
                                     (pn_bytes){ t.sent[n], t.sent_len[n] },
                                     made, ROOM, &opened),
                     PN_OK);
    same(t.content[n], "content", made, opened.len);
}

static void one_step(const json_t *o)
{
    const char *op = text(o, "op");
    const int who = strcmp(text(o, "who"), "a") == 0 ? 0 : 1;
    scriptenv s;
    pn_env env;
    if (strcmp(op, "open") == 0) {
        scriptenv_init(&s); /* opening draws nothing */
        env = scriptenv_env(&s);
    } else {
        script(&s, &env, o, "random");
    }
    s.sim.wall_ms = number(o, "now_ms");
    if (strcmp(op, "start") == 0)
        assert_int_equal(
            cl_session_start(t.session[who], &env, &t.id[who], &t.bundle),
            PN_OK);
    else if (strcmp(op, "seal") == 0)
        seal_step(o, &env, who);
    else
        open_step(o, &env, who);
    assert_true(scriptenv_is_spent(&s));
}

static void conversations(void **state)
{
    json_t *root, *items = load("ratchet.json", "conversations", &root), *o;
    size_t i, j;
    (void)state;
    json_array_foreach(items, i, o)
    {
        const cl_profile profile = strcmp(text(o, "profile"), "thin") == 0
                                       ? CL_PROFILE_THIN
                                       : CL_PROFILE_NORMAL;
        json_t *steps = json_object_get(o, "steps"), *step;
        memset(&t, 0, sizeof t);
        person_of(&t.id[0], o, "starter");
        person_of(&t.id[1], o, "inviter");
        bundle_of(&t.bundle, &t.keys, &t.id[1], CL_BUNDLE_INVITATION, o);
        for (int who = 0; who < 2; who++)
            assert_int_equal(cl_session_new(&t.session[who], profile), PN_OK);
        assert_true(json_array_size(steps) > 10);
        json_array_foreach(steps, j, step) one_step(step);
        for (int who = 0; who < 2; who++)
            cl_session_free(&t.session[who]);
    }
    json_decref(root);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(conversations) };
    if (argc != 2)
        return 2;
    directory = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}

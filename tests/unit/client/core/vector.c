#include "tests/unit/client/core/vector.h"

#include <string.h>

#include "tests/support/cmocka.h"

const char *directory;
uint8_t made[ROOM];
static uint8_t wanted[ROOM];

json_t *load(const char *name, const char *list, json_t **root)
{
    char path[512];
    json_error_t error;
    json_t *items;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    *root = json_load_file(path, 0, &error);
    assert_non_null(*root);
    items = json_object_get(*root, list);
    assert_true(json_array_size(items) > 0);
    return items;
}

const char *text(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    assert_non_null(s);
    return s;
}

uint64_t number(const json_t *o, const char *name)
{
    const json_t *v = json_object_get(o, name);
    assert_true(json_is_integer(v));
    return (uint64_t)json_integer_value(v);
}

static int choice(const json_t *o, const char *name)
{
    const uint64_t n = number(o, name);
    assert_true(n < 16);
    return (int)n;
}

pn_envelope_class pick_class(const json_t *o)
{
    const int n = choice(o, "least");
    return (pn_envelope_class)n;
}

cl_bundle_kind pick_kind(const json_t *o)
{
    const int n = choice(o, "kind");
    return (cl_bundle_kind)n;
}

pn_bytes bytes_to(uint8_t *out, const json_t *o, const char *name)
{
    const char *s = text(o, name);
    const size_t len = strlen(s) / 2;
    assert_true(len <= ROOM);
    assert_int_equal(pn_unhex(out, len, s), PN_OK);
    return (pn_bytes){ out, len };
}

void fixed(uint8_t *out, size_t len, const json_t *o, const char *name)
{
    assert_int_equal(strlen(text(o, name)), 2 * len);
    assert_int_equal(pn_unhex(out, len, text(o, name)), PN_OK);
}

void same(const json_t *o, const char *name, const uint8_t *p, size_t len)
{
    const pn_bytes want = bytes_to(wanted, o, name);
    assert_int_equal(len, want.len);
    assert_memory_equal(p, want.p, len);
}

void script(scriptenv *s, pn_env *env, const json_t *o, const char *name)
{
    const pn_bytes tape = bytes_to(wanted, o, name);
    scriptenv_init(s);
    *env = scriptenv_env(s);
    assert_int_equal(scriptenv_add(s, tape), PN_OK);
}

void person_of(cl_identity *out, const json_t *o, const char *name)
{
    uint8_t secret[CL_IDENTITY_SECRET_BYTES];
    fixed(secret, sizeof secret, o, name);
    cl_identity_from_secret(out, secret);
}

void bundle_of(cl_bundle *b, cl_prekeys *keys, const cl_identity *owner,
               cl_bundle_kind kind, const json_t *o)
{
    scriptenv s;
    pn_env env;
    size_t len;
    *b = (cl_bundle){ .kind = kind,
                      .created_ms = number(o, "created_ms"),
                      .expires_ms = number(o, "expires_ms") };
    script(&s, &env, o, "bundle_random");
    assert_int_equal(cl_bundle_make(b, keys, &env, owner, made, ROOM, &len),
                     PN_OK);
    assert_true(scriptenv_is_spent(&s));
}

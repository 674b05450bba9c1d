#include "tests/support/couple.h"

#include <stdlib.h>
#include <string.h>

static void must(pn_err err)
{
    if (err != PN_OK)
        abort();
}

static void make_person(couple *c, person *p, const char *name,
                        cl_profile profile)
{
    uint8_t room[CL_BUNDLE_MAX];
    size_t len;
    const uint64_t now = pn_wall_ms(&c->env);
    must(cl_identity_new(&p->id, &c->env));
    p->bundle = (cl_bundle){ .kind = CL_BUNDLE_INVITATION,
                             .created_ms = now,
                             .expires_ms = now + UINT64_C(30) * 86400000 };
    memcpy(p->bundle.name, name, strlen(name));
    must(cl_bundle_make(&p->bundle, &p->keys, &c->env, &p->id, room,
                        sizeof room, &len));
    must(cl_session_new(&p->session, profile));
}

void couple_init(couple *c, uint64_t seed, cl_profile profile)
{
    memset(c, 0, sizeof *c);
    simenv_init(&c->sim, seed);
    c->env = simenv_env(&c->sim);
    make_person(c, &c->a, "Alice", profile);
    make_person(c, &c->b, "Bob", profile);
}

void couple_free(couple *c)
{
    cl_session_free(&c->a.session);
    cl_session_free(&c->b.session);
}

void couple_meet(couple *c)
{
    must(person_start(c, &c->a, &c->b));
    must(person_tell(c, &c->a, &c->b, "hello"));
    must(person_tell(c, &c->b, &c->a, "hello yourself"));
}

pn_err person_start(couple *c, person *from, const person *to)
{
    return cl_session_start(from->session, &c->env, &from->id, &to->bundle);
}

pn_err person_seal(couple *c, person *from, const char *text, letter *out)
{
    return cl_session_seal(from->session, &c->env,
                           (pn_bytes){ (const uint8_t *)text, strlen(text) },
                           out->bytes, sizeof out->bytes, &out->len);
}

pn_err person_open(couple *c, person *to, const letter *in, char *text,
                   cl_opened *opened)
{
    const pn_err err =
        cl_session_open(to->session, &c->env, &to->id, &to->keys,
                        (pn_bytes){ in->bytes, in->len }, (uint8_t *)text,
                        COUPLE_ROOM - 1, opened);
    text[err == PN_OK ? opened->len : 0] = '\0';
    return err;
}

pn_err person_tell(couple *c, person *from, person *to, const char *text)
{
    letter l;
    char got[COUPLE_ROOM];
    cl_opened opened;
    PN_TRY(person_seal(c, from, text, &l));
    PN_TRY(person_open(c, to, &l, got, &opened));
    return strcmp(text, got) == 0 ? PN_OK : PN_E_PROTO;
}

cl_session *person_snapshot(const person *p)
{
    const size_t size = cl_session_size(p->session);
    uint8_t *room = malloc(size);
    cl_session *copy = NULL;
    pn_out o;
    if (room == NULL)
        abort();
    o = pn_out_over(room, size);
    cl_session_write(p->session, &o);
    must(pn_out_err(&o));
    if (o.len != size)
        abort(); /* size and write disagree */
    must(cl_session_read(&copy, pn_out_view(&o)));
    free(room);
    return copy;
}

pn_err person_restart(person *p)
{
    cl_session *again = person_snapshot(p);
    cl_session_free(&p->session);
    p->session = again;
    return cl_session_ok(again) ? PN_OK : PN_E_CORRUPT;
}

/* A libpostern without a network or a secret: the interface of postern.h over
 * plain files, so that the command line and the RPC server are tested by
 * themselves, with every error at will. A store is state.json and a folder
 * mail/, into which the other side's process puts its messages; an
 * acknowledged message is deleted there. POSTERN_FAKE_FAULT="postern_send=-20"
 * makes a function fail; a file `offline` in a home keeps its mail queued.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <postern/postern.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { GIVEN_MAX = 4096 };

struct postern_client {
    char home[3072];
    int lock;
    json_t *state;
    pthread_mutex_t mutex;
    _Atomic int interrupted;
    uint64_t sequence;
    char given[GIVEN_MAX][64]; /* the mail of sequence i + 1; "" acknowledged */
    char last[256];
};

struct postern_list {
    char kind;
    size_t count, each;
    char *items;
    uint8_t *body;
};

static int fault(const char *function)
{
    const char *spec = getenv("POSTERN_FAKE_FAULT");
    const size_t n = strlen(function);
    if (spec != NULL && strncmp(spec, function, n) == 0 && spec[n] == '=')
        return (int)strtol(spec + n + 1, NULL, 10);
    return 0;
}

#define FAULT()                             \
    do {                                    \
        const int fault_ = fault(__func__); \
        if (fault_ != 0)                    \
            return fault_;                  \
    } while (0)

static uint64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void draw(char id[POSTERN_ID_SIZE])
{
    uint8_t r[16];
    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        abort();
    for (size_t i = 0; i < 16; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", (unsigned)r[i]);
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s == NULL ? "" : s;
}

static uint64_t num(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* Write a file whole or not at all. */
static int put(const char *folder, const char *name, const json_t *value)
{
    char path[8192], part[8192];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(part, sizeof part, "%s/.%s.%ld", folder, name,
                   (long)getpid());
    if (json_dump_file(value, part, 0) != 0 || rename(part, path) != 0)
        return POSTERN_E_IO;
    return POSTERN_OK;
}

static int save(postern_client *c)
{
    return put(c->home, "state.json", c->state);
}

static json_t *part(const postern_client *c, const char *key)
{
    return json_object_get(c->state, key);
}

/* The entry of an array with that id or name. */
static json_t *find(json_t *array, const char *word)
{
    size_t i;
    json_t *o;
    json_array_foreach(array, i,
                       o) if (strcmp(str(o, "id"), word) == 0 ||
                              strcmp(str(o, "name"), word) == 0) return o;
    return NULL;
}

static void drop(json_t *array, const json_t *entry)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (json_array_get(array, i) == entry)
            (void)json_array_remove(array, i--);
}

const char *postern_strerror(int error)
{
    static char texts[40][32];
    if (error > 0 || error < POSTERN_E_NO_STORE)
        return "unknown error";
    (void)snprintf(texts[-error], sizeof texts[0], "error %d", error);
    return texts[-error];
}

const char *postern_version(void)
{
    return "0.0.0";
}

uint32_t postern_protocol_version(void)
{
    return 1;
}

int postern_relay_test(const char *address, uint32_t timeout_ms,
                       postern_relay_report *report)
{
    (void)timeout_ms;
    FAULT();
    if (strncmp(address, "postern://", 10) != 0)
        return POSTERN_E_ADDRESS;
    report->protocol_version = 1;
    (void)snprintf(report->software, sizeof report->software, "fake");
    return POSTERN_OK;
}

int postern_open(postern_client **out, const postern_open_options *o)
{
    postern_client *c;
    char path[4096];
    *out = NULL;
    FAULT();
    (void)snprintf(path, sizeof path, "%s/state.json", o->home);
    if (access(path, F_OK) != 0 && (o->flags & POSTERN_OPEN_CREATE) == 0)
        return POSTERN_E_NO_STORE;
    if (mkdir(o->home, 0700) != 0 && errno != EEXIST)
        return POSTERN_E_IO;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return POSTERN_E_NOMEM;
    (void)snprintf(c->home, sizeof c->home, "%s", o->home);
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)snprintf(path, sizeof path, "%s/lock", o->home);
    c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (flock(c->lock, LOCK_EX | LOCK_NB) != 0) {
        (void)close(c->lock);
        free(c);
        return POSTERN_E_LOCKED;
    }
    (void)snprintf(path, sizeof path, "%s/mail", o->home);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/state.json", o->home);
    c->state = json_load_file(path, 0, NULL);
    if (c->state == NULL) {
        char id[POSTERN_ID_SIZE];
        draw(id);
        c->state =
            json_pack("{s:s%, s:s, s:s, s:[], s:[], s:[], s:[], s:[]}", "pass",
                      (const char *)o->passphrase, o->passphrase_len,
                      "identity", id, "name", o->name == NULL ? "" : o->name,
                      "relays", "contacts", "invites", "outbox", "messages");
        if (save(c) != POSTERN_OK)
            abort();
    }
    if (strlen(str(c->state, "pass")) != o->passphrase_len ||
        memcmp(str(c->state, "pass"), o->passphrase, o->passphrase_len) != 0) {
        postern_close(&c);
        return POSTERN_E_PASSPHRASE;
    }
    *out = c;
    return POSTERN_OK;
}

void postern_close(postern_client **c)
{
    if (c == NULL || *c == NULL)
        return;
    json_decref((*c)->state);
    (void)close((*c)->lock);
    (void)pthread_mutex_destroy(&(*c)->mutex);
    free(*c);
    *c = NULL;
}

void postern_last_error(postern_client *c, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", c->last);
}

int postern_panic(const char *home)
{
    char path[4096];
    FAULT();
    (void)snprintf(path, sizeof path, "%s/state.json", home);
    return unlink(path) == 0 ? POSTERN_OK : POSTERN_E_NO_STORE;
}

int postern_passphrase_change(postern_client *c, const uint8_t *old,
                              size_t old_len, const uint8_t *fresh,
                              size_t fresh_len)
{
    FAULT();
    if (strlen(str(c->state, "pass")) != old_len ||
        memcmp(str(c->state, "pass"), old, old_len) != 0)
        return POSTERN_E_PASSPHRASE;
    (void)json_object_set_new(c->state, "pass",
                              json_stringn((const char *)fresh, fresh_len));
    return save(c);
}

int postern_backup_create(postern_client *c, const char *file,
                          const uint8_t *pass, size_t len)
{
    json_t *copy;
    int code;
    FAULT();
    if (access(file, F_OK) == 0)
        return POSTERN_E_EXISTS;
    copy = json_deep_copy(c->state);
    (void)json_object_set_new(copy, "pass",
                              json_stringn((const char *)pass, len));
    code = json_dump_file(copy, file, 0) == 0 ? POSTERN_OK : POSTERN_E_IO;
    json_decref(copy);
    return code;
}

static int backup_read(const char *file, const uint8_t *pass, size_t len,
                       json_t **out)
{
    *out = NULL;
    if (access(file, F_OK) != 0)
        return POSTERN_E_IO;
    *out = json_load_file(file, 0, NULL);
    if (*out == NULL)
        return POSTERN_E_CORRUPT;
    if (strlen(str(*out, "pass")) == len &&
        memcmp(str(*out, "pass"), pass, len) == 0)
        return POSTERN_OK;
    json_decref(*out);
    *out = NULL;
    return POSTERN_E_PASSPHRASE;
}

int postern_backup_verify(const char *file, const uint8_t *pass, size_t len)
{
    json_t *copy;
    const int code = backup_read(file, pass, len, &copy);
    FAULT();
    json_decref(copy);
    return code;
}

int postern_backup_restore(const char *home, const char *file,
                           const uint8_t *pass, size_t len)
{
    json_t *copy;
    char path[4096];
    int code;
    FAULT();
    (void)snprintf(path, sizeof path, "%s/state.json", home);
    if (access(path, F_OK) == 0)
        return POSTERN_E_EXISTS;
    code = backup_read(file, pass, len, &copy);
    if (code != POSTERN_OK)
        return code;
    (void)mkdir(home, 0700);
    code = put(home, "state.json", copy);
    json_decref(copy);
    return code;
}

int postern_set_profile(postern_client *c, uint32_t profile)
{
    FAULT();
    (void)json_object_set_new(c->state, "profile", json_integer(profile));
    return save(c);
}

int postern_get_status(postern_client *c, postern_status *out)
{
    FAULT();
    out->contacts = (uint32_t)json_array_size(part(c, "contacts"));
    out->relays = (uint32_t)json_array_size(part(c, "relays"));
    out->outbox = (uint32_t)json_array_size(part(c, "outbox"));
    out->profile = (uint32_t)num(c->state, "profile");
    if (out->profile == POSTERN_PROFILE_AUTO)
        out->profile = POSTERN_PROFILE_NORMAL;
    (void)snprintf(out->identity, sizeof out->identity, "%s",
                   str(c->state, "identity"));
    (void)snprintf(out->name, sizeof out->name, "%.64s", str(c->state, "name"));
    return POSTERN_OK;
}

/* ---- Lists ---- */

static int list_new(postern_list **out, char kind, size_t count, size_t each)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return POSTERN_E_NOMEM;
    **out = (postern_list){ kind, count, each, calloc(count + 1, each), NULL };
    return POSTERN_OK;
}

static void *list_at(const postern_list *l, char kind, size_t i)
{
    return l->kind == kind && i < l->count ? l->items + i * l->each : NULL;
}

static void *slot(const postern_list *l, char kind, size_t i)
{
    void *item = list_at(l, kind, i);
    if (item == NULL)
        abort();
    return item;
}

size_t postern_list_count(const postern_list *l)
{
    return l->count;
}

void postern_list_free(postern_list **l)
{
    if (l == NULL || *l == NULL)
        return;
    free((*l)->items);
    free((*l)->body);
    free(*l);
    *l = NULL;
}

const postern_relay *postern_list_relay(const postern_list *l, size_t i)
{
    return list_at(l, 'r', i);
}
const postern_invite *postern_list_invite(const postern_list *l, size_t i)
{
    return list_at(l, 'i', i);
}
const postern_contact *postern_list_contact(const postern_list *l, size_t i)
{
    return list_at(l, 'c', i);
}
const postern_outgoing *postern_list_outgoing(const postern_list *l, size_t i)
{
    return list_at(l, 'o', i);
}
const postern_message *postern_list_message(const postern_list *l, size_t i)
{
    return list_at(l, 'm', i);
}

int postern_relay_add(postern_client *c, const char *address)
{
    FAULT();
    if (strncmp(address, "postern://", 10) != 0)
        return POSTERN_E_ADDRESS;
    if (find(part(c, "relays"), address) != NULL)
        return POSTERN_E_EXISTS;
    (void)json_array_append_new(part(c, "relays"),
                                json_pack("{s:s}", "id", address));
    return save(c);
}

int postern_relay_remove(postern_client *c, const char *address)
{
    json_t *r = find(part(c, "relays"), address);
    FAULT();
    if (r == NULL)
        return POSTERN_E_NOT_FOUND;
    drop(part(c, "relays"), r);
    return save(c);
}

int postern_relay_list(postern_client *c, postern_list **out)
{
    size_t i;
    json_t *o;
    FAULT();
    if (list_new(out, 'r', json_array_size(part(c, "relays")),
                 sizeof(postern_relay)) != 0)
        return POSTERN_E_NOMEM;
    json_array_foreach(part(c, "relays"), i, o)
    {
        postern_relay *r = slot(*out, 'r', i);
        r->is_own = 1;
        (void)snprintf(r->address, sizeof r->address, "%s", str(o, "id"));
    }
    return POSTERN_OK;
}

/* ---- Invitations and contacts ---- */

static void fill_invite(const json_t *o, postern_invite *out)
{
    const uint32_t size = out->size;
    *out = (postern_invite){ .size = size, .state = (uint32_t)num(o, "state") };
    out->created_ms = num(o, "at");
    out->expires_ms = num(o, "until");
    (void)snprintf(out->id, sizeof out->id, "%s", str(o, "id"));
    (void)snprintf(out->name, sizeof out->name, "%s", str(o, "for"));
    if (out->state == POSTERN_INVITE_OPEN)
        (void)snprintf(out->text, sizeof out->text, "%s", str(o, "text"));
}

int postern_invite_create(postern_client *c, const postern_invite_options *o,
                          uint32_t timeout_ms, postern_invite *out)
{
    char id[POSTERN_ID_SIZE], text[POSTERN_INVITATION_SIZE];
    char *home = realpath(c->home, NULL);
    json_t *v;
    (void)timeout_ms;
    FAULT();
    draw(id);
    (void)snprintf(text, sizeof text, "postern:fake/%s%s", id, home);
    free(home);
    v = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I}", "id", id, "for",
                  o->name == NULL ? "" : o->name, "text", text, "state",
                  POSTERN_INVITE_OPEN, "at", (json_int_t)now(), "until",
                  (json_int_t)(now() + o->expires_in_ms));
    (void)json_array_append_new(part(c, "invites"), v);
    fill_invite(v, out);
    return save(c);
}

int postern_invite_get(postern_client *c, const char *id, postern_invite *out)
{
    const json_t *v = find(part(c, "invites"), id);
    if (v == NULL)
        return POSTERN_E_NOT_FOUND;
    fill_invite(v, out);
    return POSTERN_OK;
}

int postern_invite_list(postern_client *c, postern_list **out)
{
    size_t i;
    json_t *o;
    if (list_new(out, 'i', json_array_size(part(c, "invites")),
                 sizeof(postern_invite)) != 0)
        return POSTERN_E_NOMEM;
    json_array_foreach(part(c, "invites"), i, o)
        fill_invite(o, slot(*out, 'i', i));
    return POSTERN_OK;
}

int postern_invite_revoke(postern_client *c, const char *id)
{
    json_t *v = find(part(c, "invites"), id);
    if (v == NULL)
        return POSTERN_E_NOT_FOUND;
    (void)json_object_set_new(v, "state", json_integer(POSTERN_INVITE_REVOKED));
    return save(c);
}

static void fill_contact(const json_t *o, postern_contact *out)
{
    const uint32_t size = out->size;
    *out = (postern_contact){ .size = size, .is_ready = 1 };
    out->is_verified = (uint32_t)num(o, "verified");
    out->is_blocked = (uint32_t)num(o, "blocked");
    out->profile = (uint32_t)num(o, "profile");
    out->is_thin = out->profile == POSTERN_PROFILE_THIN ? 1 : 0;
    out->created_ms = num(o, "at");
    (void)snprintf(out->id, sizeof out->id, "%s", str(o, "id"));
    (void)snprintf(out->name, sizeof out->name, "%.64s", str(o, "name"));
    for (size_t i = 0; i < 60; i++)
        out->safety[i] = (char)('0' + i % 10);
}

static void add_contact(postern_client *c, const char *name, const char *home)
{
    char id[POSTERN_ID_SIZE];
    draw(id);
    (void)json_array_append_new(part(c, "contacts"),
                                json_pack("{s:s, s:s, s:s, s:I}", "id", id,
                                          "name", name, "home", home, "at",
                                          (json_int_t)now()));
}

int postern_invite_accept(postern_client *c, const char *text, size_t len,
                          const char *name, uint32_t timeout_ms,
                          postern_contact *out)
{
    char copy[POSTERN_INVITATION_SIZE], folder[2 * POSTERN_INVITATION_SIZE],
        mail[64], id[33];
    const char *home;
    char *own;
    json_t *hello;
    (void)timeout_ms;
    FAULT();
    if (len >= sizeof copy || strncmp(text, "postern:fake/", 13) != 0 ||
        len < 13 + 32)
        return POSTERN_E_MALFORMED;
    memcpy(copy, text, len);
    copy[len] = 0;
    home = copy + 13 + 32;
    (void)snprintf(id, sizeof id, "%.32s", copy + 13);
    name = name == NULL ? "friend" : name;
    if (find(part(c, "contacts"), name) != NULL)
        return POSTERN_E_EXISTS;
    add_contact(c, name, home);
    if (save(c) != POSTERN_OK)
        return POSTERN_E_IO;
    own = realpath(c->home, NULL);
    hello = json_pack("{s:s, s:s, s:s, s:s}", "kind", "hello", "invite", id,
                      "home", own, "name", str(c->state, "name"));
    free(own);
    (void)snprintf(folder, sizeof folder, "%s/mail", home);
    (void)snprintf(mail, sizeof mail, "%s", id);
    if (put(folder, mail, hello) != POSTERN_OK)
        return POSTERN_E_IO;
    json_decref(hello);
    if (out != NULL)
        fill_contact(find(part(c, "contacts"), name), out);
    return POSTERN_OK;
}

int postern_contact_list(postern_client *c, postern_list **out)
{
    size_t i;
    json_t *o;
    FAULT();
    if (list_new(out, 'c', json_array_size(part(c, "contacts")),
                 sizeof(postern_contact)) != 0)
        return POSTERN_E_NOMEM;
    json_array_foreach(part(c, "contacts"), i, o)
        fill_contact(o, slot(*out, 'c', i));
    return POSTERN_OK;
}

#define CONTACT(o)                                  \
    json_t *o = find(part(c, "contacts"), contact); \
    FAULT();                                        \
    if (o == NULL)                                  \
    return POSTERN_E_NOT_FOUND

int postern_contact_get(postern_client *c, const char *contact,
                        postern_contact *out)
{
    CONTACT(o);
    fill_contact(o, out);
    return POSTERN_OK;
}

int postern_contact_rename(postern_client *c, const char *contact,
                           const char *name)
{
    CONTACT(o);
    (void)json_object_set_new(o, "name", json_string(name));
    return save(c);
}

int postern_contact_verify(postern_client *c, const char *contact,
                           const char *safety)
{
    postern_contact known = POSTERN_CONTACT_INIT;
    CONTACT(o);
    fill_contact(o, &known);
    if (safety != NULL && strcmp(safety, known.safety) != 0)
        return POSTERN_E_REFUSED;
    (void)json_object_set_new(o, "verified", json_integer(1));
    return save(c);
}

int postern_contact_block(postern_client *c, const char *contact,
                          uint32_t block)
{
    CONTACT(o);
    (void)json_object_set_new(o, "blocked", json_integer(block));
    return save(c);
}

int postern_contact_set_profile(postern_client *c, const char *contact,
                                uint32_t profile)
{
    CONTACT(o);
    (void)json_object_set_new(o, "profile", json_integer(profile));
    return save(c);
}

int postern_contact_remove(postern_client *c, const char *contact)
{
    CONTACT(o);
    drop(part(c, "contacts"), o);
    return save(c);
}

int postern_contact_accept_identity(postern_client *c, const char *contact,
                                    const char *safety, uint32_t accept)
{
    (void)safety;
    (void)accept;
    CONTACT(o);
    return POSTERN_E_STATE;
}

/* ---- Messages ---- */

static json_t *bytes_array(const uint8_t *p, size_t len)
{
    json_t *a = json_array();
    for (size_t i = 0; i < len; i++)
        (void)json_array_append_new(a, json_integer(p[i]));
    return a;
}

static uint8_t *array_bytes(const json_t *a, size_t *len)
{
    uint8_t *p;
    *len = json_array_size(a);
    p = malloc(*len + 1);
    for (size_t i = 0; i < *len; i++)
        p[i] = (uint8_t)json_integer_value(json_array_get(a, i));
    p[*len] = 0;
    return p;
}

static int flush(postern_client *c)
{
    char path[4096];
    json_t *waiting = part(c, "outbox"), *o;
    size_t i;
    (void)snprintf(path, sizeof path, "%s/offline", c->home);
    if (access(path, F_OK) == 0)
        return POSTERN_OK;
    json_array_foreach(waiting, i, o)
    {
        char folder[4096];
        (void)snprintf(folder, sizeof folder, "%s/mail", str(o, "home"));
        if (put(folder, str(o, "mail"), o) != POSTERN_OK)
            return POSTERN_OK;
    }
    (void)json_array_clear(waiting);
    return save(c);
}

int postern_send(postern_client *c, const char *contact,
                 const postern_send_options *o, char id[POSTERN_ID_SIZE])
{
    static unsigned count;
    char *home = NULL, mail[64];
    const json_t *known;
    json_t *m;
    size_t i;
    int code;
    CONTACT(to);
    (void)pthread_mutex_lock(&c->mutex);
    json_array_foreach(part(c, "messages"), i, m)
    {
        if (o->id != NULL && strcmp(str(m, "key"), o->id) == 0) {
            (void)snprintf(id, POSTERN_ID_SIZE, "%s", str(m, "id"));
            code = flush(c);
            (void)pthread_mutex_unlock(&c->mutex);
            return code;
        }
    }
    draw(id);
    (void)snprintf(mail, sizeof mail, "%013llu-%05u-%.32s",
                   (unsigned long long)now(), ++count % 100000, id);
    home = realpath(c->home, NULL);
    known = to;
    m = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:o, s:s}", "kind",
        "mail", "id", id, "mail", mail, "key", o->id == NULL ? "" : o->id,
        "home", str(known, "home"), "to", str(known, "name"), "sender", home,
        "priority", (int)o->priority, "at", (json_int_t)now(), "bytes",
        o->text != NULL ? bytes_array((const uint8_t *)o->text, o->text_len)
                        : bytes_array(o->file_bytes, o->file_len),
        "file", o->file_name == NULL ? "" : o->file_name);
    free(home);
    (void)json_array_append(part(c, "outbox"), m);
    (void)json_array_append_new(part(c, "messages"), m);
    code = save(c);
    if (code == POSTERN_OK)
        code = flush(c);
    (void)pthread_mutex_unlock(&c->mutex);
    return code;
}

int postern_wait(postern_client *c, const char *id, uint32_t state,
                 uint32_t timeout_ms)
{
    (void)timeout_ms;
    FAULT();
    if (find(part(c, "messages"), id) == NULL)
        return POSTERN_E_NOT_FOUND;
    if (state == POSTERN_MESSAGE_DELIVERED ||
        find(part(c, "outbox"), id) != NULL)
        return POSTERN_E_TIMEOUT;
    return POSTERN_OK;
}

int postern_outbox_list(postern_client *c, postern_list **out)
{
    size_t i;
    json_t *o;
    if (list_new(out, 'o', json_array_size(part(c, "outbox")),
                 sizeof(postern_outgoing)) != 0)
        return POSTERN_E_NOMEM;
    json_array_foreach(part(c, "outbox"), i, o)
    {
        postern_outgoing *g = slot(*out, 'o', i);
        (void)snprintf(g->id, sizeof g->id, "%s", str(o, "id"));
        (void)snprintf(g->contact_name, sizeof g->contact_name, "%.64s",
                       str(o, "to"));
        (void)snprintf(g->reason, sizeof g->reason, "relay unreachable");
        g->created_ms = g->since_ms = num(o, "at");
    }
    return POSTERN_OK;
}

int postern_outbox_retry(postern_client *c, const char *id)
{
    (void)id;
    return flush(c);
}

int postern_outbox_cancel(postern_client *c, const char *id)
{
    const json_t *o = find(part(c, "outbox"), id);
    if (o == NULL)
        return POSTERN_E_NOT_FOUND;
    drop(part(c, "outbox"), o);
    return save(c);
}

static void fill_message(const json_t *o, postern_message *m)
{
    m->is_file = str(o, "file")[0] != 0;
    m->state = str(o, "from")[0] != 0 ? POSTERN_MESSAGE_RECEIVED
                                      : POSTERN_MESSAGE_RELAYED;
    m->sent_ms = m->received_ms = num(o, "at");
    (void)snprintf(m->id, sizeof m->id, "%s", str(o, "id"));
    (void)snprintf(m->contact_name, sizeof m->contact_name, "%.64s",
                   str(o, "from")[0] != 0 ? str(o, "from") : str(o, "to"));
    (void)snprintf(m->file_name, sizeof m->file_name, "%s", str(o, "file"));
}

int postern_message_list(postern_client *c, const char *contact, uint32_t limit,
                         postern_list **out)
{
    size_t i;
    json_t *o;
    (void)limit;
    if (contact != NULL && find(part(c, "contacts"), contact) == NULL)
        return POSTERN_E_NOT_FOUND;
    if (list_new(out, 'm', json_array_size(part(c, "messages")),
                 sizeof(postern_message)) != 0)
        return POSTERN_E_NOMEM;
    json_array_foreach(part(c, "messages"), i, o)
    {
        postern_message *m = slot(*out, 'm', i);
        fill_message(o, m);
        m->bytes = m->is_file != 0 ? NULL : (const uint8_t *)"(listed)";
        m->len = m->is_file != 0 ? json_array_size(json_object_get(o, "bytes"))
                                 : strlen("(listed)");
    }
    return POSTERN_OK;
}

int postern_message_get(postern_client *c, const char *id, postern_list **out)
{
    const json_t *o = find(part(c, "messages"), id);
    postern_message *m;
    FAULT();
    if (o == NULL)
        return POSTERN_E_NOT_FOUND;
    if (list_new(out, 'm', 1, sizeof(postern_message)) != 0)
        return POSTERN_E_NOMEM;
    m = slot(*out, 'm', 0);
    fill_message(o, m);
    (*out)->body = array_bytes(json_object_get(o, "bytes"), &m->len);
    m->bytes = (*out)->body;
    return POSTERN_OK;
}

int postern_message_delete(postern_client *c, const char *id)
{
    const json_t *o = find(part(c, "messages"), id);
    if (o == NULL)
        return POSTERN_E_NOT_FOUND;
    drop(part(c, "messages"), o);
    return save(c);
}

/* ---- Events ---- */

static int is_mail(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static const char *sender_name(const postern_client *c, const char *home)
{
    size_t i;
    json_t *o;
    json_array_foreach(part(c, "contacts"), i,
                       o) if (strcmp(str(o, "home"), home) ==
                              0) return str(o, "name");
    return "";
}

/* A hello makes the contact, at once and durably. */
static void greet(postern_client *c, const json_t *hello, postern_event *e)
{
    json_t *v = find(part(c, "invites"), str(hello, "invite"));
    const char *name =
        v != NULL && str(v, "for")[0] != 0 ? str(v, "for") : str(hello, "name");
    e->kind = POSTERN_EVENT_CONTACT_ADDED;
    if (sender_name(c, str(hello, "home"))[0] == 0) {
        add_contact(c, name[0] == 0 ? "guest" : name, str(hello, "home"));
        if (v != NULL)
            (void)json_object_set_new(v, "state",
                                      json_integer(POSTERN_INVITE_ANSWERED));
        (void)save(c);
    }
    (void)snprintf(e->contact_name, sizeof e->contact_name, "%.64s",
                   sender_name(c, str(hello, "home")));
}

static postern_event *open_mail(postern_client *c, const char *name)
{
    char path[4096];
    json_t *m;
    postern_event *e;
    (void)snprintf(path, sizeof path, "%s/mail/%s", c->home, name);
    m = json_load_file(path, 0, NULL);
    e = calloc(1, sizeof *e);
    if (m == NULL || e == NULL || c->sequence == GIVEN_MAX)
        abort();
    (void)snprintf(c->given[c->sequence++], 64, "%.63s", name);
    e->size = sizeof *e;
    e->sequence = c->sequence;
    e->time_ms = e->sent_ms = now();
    if (strcmp(str(m, "kind"), "hello") == 0) {
        greet(c, m, e);
    } else {
        e->kind =
            str(m, "file")[0] != 0 ? POSTERN_EVENT_FILE : POSTERN_EVENT_MESSAGE;
        e->bytes = array_bytes(json_object_get(m, "bytes"), &e->len);
        e->priority = (uint32_t)num(m, "priority");
        (void)snprintf(e->message, sizeof e->message, "%s", str(m, "id"));
        (void)snprintf(e->contact_name, sizeof e->contact_name, "%.64s",
                       sender_name(c, str(m, "sender")));
        (void)snprintf(e->file_name, sizeof e->file_name, "%s", str(m, "file"));
        if (find(part(c, "messages"), e->message) == NULL) {
            (void)json_object_set_new(m, "from", json_string(e->contact_name));
            (void)json_array_append(part(c, "messages"), m);
            (void)save(c);
        } else {
            e->is_again = 1;
        }
    }
    json_decref(m);
    return e;
}

static int is_given(const postern_client *c, const char *name)
{
    for (uint64_t i = 0; i < c->sequence; i++)
        if (strcmp(c->given[i], name) == 0)
            return 1;
    return 0;
}

static postern_event *look(postern_client *c)
{
    char folder[4096];
    struct dirent **names;
    postern_event *e = NULL;
    int n;
    (void)snprintf(folder, sizeof folder, "%s/mail", c->home);
    n = scandir(folder, &names, is_mail, alphasort);
    for (int i = 0; i < n; i++) {
        if (e == NULL && !is_given(c, names[i]->d_name))
            e = open_mail(c, names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return e;
}

int postern_next_event(postern_client *c, uint32_t timeout_ms,
                       postern_event **out)
{
    const struct timespec moment = { 0, 5 * 1000000 };
    const uint64_t until = now() + timeout_ms;
    *out = NULL;
    FAULT();
    for (;;) {
        (void)pthread_mutex_lock(&c->mutex);
        *out = look(c);
        (void)pthread_mutex_unlock(&c->mutex);
        if (*out != NULL)
            return POSTERN_OK;
        if (c->interrupted != 0 || now() >= until) {
            c->interrupted = 0;
            return POSTERN_E_TIMEOUT;
        }
        (void)nanosleep(&moment, NULL);
    }
}

void postern_event_free(postern_event **e)
{
    if (e == NULL || *e == NULL)
        return;
    free((void *)(uintptr_t)(*e)->bytes);
    free(*e);
    *e = NULL;
}

int postern_event_ack(postern_client *c, uint64_t sequence)
{
    char path[4096];
    FAULT();
    if (sequence == 0 || sequence > c->sequence)
        return POSTERN_E_NOT_FOUND;
    (void)pthread_mutex_lock(&c->mutex);
    (void)snprintf(path, sizeof path, "%s/mail/%s", c->home,
                   c->given[sequence - 1]);
    (void)unlink(path);
    (void)pthread_mutex_unlock(&c->mutex);
    return POSTERN_OK;
}

/* "After the others": under a name that sorts behind theirs. */
int postern_event_return(postern_client *c, uint64_t sequence)
{
    char from[4096], to[4096];
    if (sequence == 0 || sequence > c->sequence)
        return POSTERN_E_NOT_FOUND;
    (void)pthread_mutex_lock(&c->mutex);
    (void)snprintf(from, sizeof from, "%s/mail/%s", c->home,
                   c->given[sequence - 1]);
    (void)snprintf(to, sizeof to, "%s/mail/z%013llu-%05llu", c->home,
                   (unsigned long long)now(), (unsigned long long)sequence);
    (void)rename(from, to);
    c->given[sequence - 1][0] = 0;
    (void)pthread_mutex_unlock(&c->mutex);
    return POSTERN_OK;
}

void postern_interrupt(postern_client *c)
{
    c->interrupted = 1;
}

#include <string.h>

#include "client/rpc/rpc.h"

enum { NAME = POSTERN_NAME_SIZE - 1, ADDRESS = POSTERN_ADDRESS_SIZE - 1 };
enum { FILE_PATH = 4095, SECRET = 1024 };

#define MONTHS_MS (90ULL * 86400 * 1000)
#define CONTACT                                                      \
    {                                                                \
        "contact", RPC_TEXT, true, NAME, NULL, "its name, or its id" \
    }
#define MESSAGE                                                           \
    {                                                                     \
        "id", RPC_TEXT, true, POSTERN_ID_SIZE - 1, NULL, "of the message" \
    }
#define WAIT                                                  \
    {                                                         \
        "timeout_ms", RPC_UINT, false, RPC_WAIT_MAX_MS, NULL, \
            "how long to wait at most"                        \
    }
#define SAFETY                                                          \
    {                                                                   \
        "safety_number", RPC_TEXT, false, 128, NULL,                    \
            "what the other side shows; left out: a person compared it" \
    }
#define ADDRESS_OF                                               \
    {                                                            \
        "address", RPC_TEXT, true, ADDRESS, NULL, "of the relay" \
    }
#define EVENT                                                            \
    {                                                                    \
        "sequence", RPC_UINT, true, INT64_MAX, NULL, "as the event says" \
    }
#define EXPIRES                                                          \
    {                                                                    \
        "expires_in_ms", RPC_UINT, false, MONTHS_MS, NULL, "from now on" \
    }

static const char *const waited_states[] = { "relayed", "delivered", NULL };

static const rpc_method methods[] = {
    { "version",
      "version of library and protocol",
      "{version, protocol}",
      RPC_NO_CLIENT,
      rpc_version,
      { { 0 } } },
    { "rpc.discover",
      "this description",
      "OpenRPC",
      RPC_NO_CLIENT,
      rpc_discover,
      { { 0 } } },
    { "status",
      "a moment's view of the client",
      "{identity, name, ...}",
      0,
      rpc_status,
      { { 0 } } },
    { "set_profile",
      "how much is sent for how little, where no contact has another choice",
      "true",
      0,
      rpc_set_profile,
      { { "profile", RPC_CHOICE, true, 0, rpc_profiles + 1,
          "thin where each kilobyte counts" } } },
    { "passphrase_change",
      "seal the store under another passphrase",
      "true",
      RPC_WAITS,
      rpc_passphrase_change,
      { { "old", RPC_BYTES, true, SECRET, NULL, "the present one" },
        { "new", RPC_BYTES, true, SECRET, NULL, "the one to be" } } },
    { "duress_set",
      "set a passphrase that destroys what is in the store, or take it away",
      "true",
      RPC_WAITS,
      rpc_duress_set,
      { { "passphrase", RPC_BYTES, false, SECRET, NULL,
          "left out: there is none any more" } } },
    { "backup_create",
      "write a sealed copy of the store to a new file",
      "true",
      RPC_WAITS,
      rpc_backup_create,
      { { "file", RPC_TEXT, true, FILE_PATH, NULL, "its path" },
        { "passphrase", RPC_BYTES, true, SECRET, NULL, "of the copy" } } },
    { "backup_verify",
      "is the file a whole backup",
      "true",
      RPC_NO_CLIENT | RPC_WAITS,
      rpc_backup_verify,
      { { "file", RPC_TEXT, true, FILE_PATH, NULL, "its path" },
        { "passphrase", RPC_BYTES, true, SECRET, NULL, "of the copy" } } },

    { "relay_list",
      "the relays in use",
      "[{address, own, state, ...}]",
      0,
      rpc_relay_list,
      { { 0 } } },
    { "relay_add",
      "make new queues there",
      "true",
      0,
      rpc_relay_add,
      { ADDRESS_OF,
        { "access_secret", RPC_BYTES, false, SECRET, NULL,
          "what its operator hands out; replaces the one of a relay in "
          "use" } } },
    { "relay_remove",
      "make no new queues there, and replace those it has",
      "true",
      0,
      rpc_relay_remove,
      { ADDRESS_OF } },
    { "relay_policy",
      "how many relays each contact's mail lies on, when one that fails is "
      "replaced, and how mail gets there; says what holds",
      "{relays, replace_after_ms, route}",
      0,
      rpc_relay_policy,
      { { "relays", RPC_UINT, false, 3, NULL, "1 to 3; left out: as it is" },
        { "replace_after_ms", RPC_UINT, false, INT64_MAX, NULL,
          "ten seconds to a year; left out: as it is" },
        { "route", RPC_CHOICE, false, 0, rpc_routes,
          "auto: through another relay of ours, of another operator if one can "
          "be had; direct: straight there; apart: only through one of another "
          "operator; left out: as it is" } } },
    { "relay_test",
      "reach a relay, see its key proven, ask what it is",
      "{handshake_ms, roundtrip_ms, relay_key, ...}",
      RPC_NO_CLIENT | RPC_WAITS,
      rpc_relay_test,
      { ADDRESS_OF, WAIT } },

    { "invite_create",
      "an invitation for one person, once",
      "{id, state, link, ...}",
      RPC_WAITS,
      rpc_invite_create,
      { { "name", RPC_TEXT, false, NAME, NULL, "of the contact to be" },
        { "offline", RPC_BOOL, false, 0, NULL, "it holds everything itself" },
        EXPIRES,
        WAIT } },
    { "invite_get",
      "one invitation",
      "{id, state, link, ...}",
      0,
      rpc_invite_get,
      { { "id", RPC_TEXT, true, POSTERN_ID_SIZE - 1, NULL, "of it" } } },
    { "invite_list",
      "the invitations made here",
      "[{id, state, ...}]",
      0,
      rpc_invite_list,
      { { 0 } } },
    { "invite_revoke",
      "refuse whoever answers it from now on",
      "true",
      0,
      rpc_invite_revoke,
      { { "id", RPC_TEXT, true, POSTERN_ID_SIZE - 1, NULL, "of it" } } },
    { "invite_accept",
      "answer an invitation",
      "{id, name, ...}: the contact",
      RPC_WAITS,
      rpc_invite_accept,
      { { "invitation", RPC_TEXT, true, POSTERN_INVITATION_SIZE, NULL,
          "link, or content of the file" },
        { "name", RPC_TEXT, false, NAME, NULL, "what the contact is called" },
        WAIT } },

    { "contact_list",
      "everybody",
      "[{id, name, ...}]",
      0,
      rpc_contact_list,
      { { 0 } } },
    { "contact_get",
      "one contact",
      "{id, name, safety_number, ...}",
      0,
      rpc_contact_get,
      { CONTACT } },
    { "contact_rename",
      "call it something else",
      "true",
      0,
      rpc_contact_rename,
      { CONTACT, { "name", RPC_TEXT, true, NAME, NULL, "the new one" } } },
    { "contact_verify",
      "compare the safety number",
      "true",
      0,
      rpc_contact_verify,
      { CONTACT, SAFETY } },
    { "contact_block",
      "send it nothing, drop what comes from it",
      "true",
      0,
      rpc_contact_block,
      { CONTACT,
        { "block", RPC_BOOL, false, 0, NULL,
          "false ends it; default true" } } },
    { "contact_set_profile",
      "the same for one contact",
      "true",
      0,
      rpc_contact_set_profile,
      { CONTACT,
        { "profile", RPC_CHOICE, true, 0, rpc_profiles,
          "auto: the client's, or thin if the contact wishes it" } } },
    { "contact_remove",
      "forget contact, session and outbox",
      "true",
      0,
      rpc_contact_remove,
      { CONTACT } },
    { "contact_accept_identity",
      "decide about an identity that changed",
      "true",
      0,
      rpc_contact_accept_identity,
      { CONTACT,
        SAFETY,
        { "accept", RPC_BOOL, false, 0, NULL,
          "false: the old one stands; default true" } } },

    { "send",
      "put a text or a file into the outbox, durably",
      "{id}",
      0,
      rpc_send,
      { CONTACT,
        { "text", RPC_BODY, false, POSTERN_MESSAGE_MAX, NULL, "or a file" },
        { "file_name", RPC_TEXT, false, POSTERN_FILE_NAME_SIZE - 1, NULL,
          "one component" },
        { "file_type", RPC_TEXT, false, POSTERN_FILE_TYPE_SIZE - 1, NULL,
          "media type" },
        { "file_base64", RPC_BYTES, false, POSTERN_MESSAGE_MAX, NULL,
          "its content" },
        { "priority", RPC_CHOICE, false, 0, rpc_priorities, "of delivery" },
        { "id", RPC_TEXT, false, 128, NULL,
          "sending again with the same one sends nothing twice" },
        EXPIRES } },
    { "wait",
      "until a message is at least that far",
      "true",
      RPC_WAITS,
      rpc_wait,
      { MESSAGE,
        { "state", RPC_CHOICE, true, 0, waited_states, "how far" },
        WAIT } },
    { "outbox_list",
      "what is on its way, and why it waits",
      "[{id, to, state, reason, held, copies: [{relay, held, custody, "
      "reason, since}], ...}]",
      0,
      rpc_outbox_list,
      { { 0 } } },
    { "outbox_retry",
      "try now",
      "true",
      0,
      rpc_outbox_retry,
      { { "id", RPC_TEXT, false, POSTERN_ID_SIZE - 1, NULL,
          "of the message; left out: all" } } },
    { "outbox_cancel",
      "stop sending a message",
      "true",
      0,
      rpc_outbox_cancel,
      { MESSAGE } },

    { "message_list",
      "messages kept, oldest first; files without bytes",
      "[{id, from|to, text|file, ...}]",
      0,
      rpc_message_list,
      { { "contact", RPC_TEXT, false, NAME, NULL, "only of this one" },
        { "limit", RPC_UINT, false, UINT32_MAX, NULL, "only the newest" } } },
    { "message_get",
      "one message, whole",
      "{id, from|to, text|file, ...}",
      0,
      rpc_message_get,
      { MESSAGE } },
    { "message_delete",
      "forget it here",
      "true",
      0,
      rpc_message_delete,
      { MESSAGE } },

    { "next_event",
      "the next event, leased until event_ack",
      "{type, sequence, ...}, or null if none came",
      RPC_WAITS | RPC_EVENTS,
      rpc_next_event,
      { WAIT } },
    { "event_ack",
      "the application has it safe: it never comes again",
      "true",
      RPC_EVENTS,
      rpc_event_ack,
      { EVENT } },
    { "event_return",
      "give it again, after the others",
      "true",
      RPC_EVENTS,
      rpc_event_return,
      { EVENT } },
};

const rpc_method *rpc_method_at(size_t index)
{
    return index < sizeof methods / sizeof methods[0] ? &methods[index] : NULL;
}

const rpc_method *rpc_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

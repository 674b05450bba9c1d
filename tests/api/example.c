/* answer: accept an invitation, say hello, and answer every text. */
#include <postern/postern.h>
#include <stdio.h>
#include <string.h>

static int fail(postern_client *client, int error)
{
    char why[256];
    postern_last_error(client, why, sizeof why);
    (void)fprintf(stderr, "%s: %s\n", postern_strerror(error), why);
    postern_close(&client);
    return 1;
}

int main(int argc, char **argv)
{
    postern_open_options open = POSTERN_OPEN_OPTIONS_INIT;
    postern_send_options send = POSTERN_SEND_OPTIONS_INIT;
    postern_contact peer = POSTERN_CONTACT_INIT;
    postern_client *client = NULL;
    postern_event *event = NULL;
    char id[POSTERN_ID_SIZE];
    int error;
    if (argc != 5) /* a real program reads the passphrase from elsewhere */
        return 2;  /* HOME PASSPHRASE RELAY INVITATION */
    open.home = argv[1];
    open.passphrase = (const uint8_t *)argv[2];
    open.passphrase_len = strlen(argv[2]);
    open.flags = POSTERN_OPEN_CREATE;
    if ((error = postern_open(&client, &open)) != POSTERN_OK ||
        (error = postern_relay_add(client, argv[3])) != POSTERN_OK ||
        (error = postern_invite_accept(client, argv[4], strlen(argv[4]), NULL,
                                       30000, &peer)) != POSTERN_OK)
        return fail(client, error);
    send.text = "hello";
    send.text_len = strlen(send.text);
    error = postern_send(client, peer.name, &send, id);
    while (error == POSTERN_OK &&
           (error = postern_next_event(client, 60000, &event)) == POSTERN_OK) {
        if (event->kind == POSTERN_EVENT_MESSAGE) {
            send.id =
                event->message; /* answered once, even if it comes again */
            error = postern_send(client, event->contact, &send, id);
        }
        if (error == POSTERN_OK) /* only now the relay may forget it */
            error = postern_event_ack(client, event->sequence);
        postern_event_free(&event);
    }
    return fail(client, error);
}

/* answer HOME RELAY INVITATION: accept it, and answer every text. */
#include <postern/postern.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    postern_open_options open = POSTERN_OPEN_OPTIONS_INIT;
    postern_send_options send = POSTERN_SEND_OPTIONS_INIT;
    char secret[256], why[400] = "", id[POSTERN_ID_SIZE];
    postern_client *client = NULL;
    postern_event *event = NULL;
    int error;
    if (argc != 4 || fgets(secret, sizeof secret, stdin) == NULL)
        return 2; /* the passphrase comes on standard input */
    open.home = argv[1];
    open.flags = POSTERN_OPEN_CREATE;
    open.passphrase = (const uint8_t *)secret;
    open.passphrase_len = strcspn(secret, "\n");
    send.text = "hello";
    send.text_len = strlen(send.text);
    if ((error = postern_open(&client, &open)) == POSTERN_OK &&
        (error = postern_relay_add(client, argv[2])) == POSTERN_OK)
        error = postern_invite_accept(client, argv[3], strlen(argv[3]), NULL,
                                      30000, NULL);
    while (error == POSTERN_OK &&
           (error = postern_next_event(client, 60000, &event)) == POSTERN_OK) {
        send.id = event->message; /* answered once, even if it comes again */
        if (event->kind == POSTERN_EVENT_MESSAGE)
            error = postern_send(client, event->contact, &send, id);
        if (error == POSTERN_OK) /* only now the relay may forget it */
            error = postern_event_ack(client, event->sequence);
        postern_event_free(&event);
    }
    postern_last_error(client, why, sizeof why);
    (void)fprintf(stderr, "%s: %s\n", postern_strerror(error), why);
    postern_close(&client);
    return 1;
}

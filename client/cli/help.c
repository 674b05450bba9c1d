/* What `postern help` says: made of the tables of commands and options, and
 * for commands that need more words than one line, of those below. */
#include <string.h>

#include "client/cli/cli.h"

typedef struct page {
    const char *name; /* of the command */
    const char *text; /* ends with a newline */
} page;

static const page pages[] = {
    { "init",
      "Makes the directory and, in it, a new identity sealed under a\n"
      "passphrase. There is no way back to a forgotten passphrase. NAME is\n"
      "what contacts are told; it can be left out.\n"
      "\n"
      "  postern init --name Anna --relay postern://KEY@HOST:PORT\n"
      "\n"
      "A relay that is not for everybody wants the secret its operator hands\n"
      "out: see --access-secret-file.\n" },
    { "relay add",
      "ADDRESS is what the relay's operator publishes. New contacts write to\n"
      "a mailbox there. If the operator handed out an access secret, give it\n"
      "by one of the options below; given again, it replaces the old one.\n"
      "\n"
      "  postern relay add postern://KEY@HOST:PORT --access-secret-file F\n" },
    { "relay policy",
      "Without options: what is chosen. --route says how mail leaves: `auto`,\n"
      "through another relay of ours, rather of another operator than the\n"
      "contact's, and straight only where one relay is known; `apart`,\n"
      "through one of another operator, or it waits;\n"
      "`direct`, straight to the contact's relay, which then sees our "
      "address.\n"
      "\n"
      "  postern relay policy --copies 3 --route apart\n" },
    { "profile",
      "`thin`: most texts in 1 KiB each way rather than 4, and new keys once "
      "a\n"
      "day or every 50 messages rather than at each turn. Contacts are asked\n"
      "to do likewise. Without an operand: what is chosen.\n" },
    { "contact profile",
      "`auto` is the store's own choice (`postern help profile`), or thin if\n"
      "the contact asks for it.\n" },
    { "invite create",
      "Prints a link. Whoever has it first becomes the contact, so let only\n"
      "the person meant see it, then compare the safety number of\n"
      "`postern contact show` over another way.\n"
      "\n"
      "  postern invite create --name ben\n"
      "  postern invite create --name ben --qr\n"
      "  postern invite create --name ben --offline invitation.txt\n" },
    { "invite accept",
      "Answers an invitation: a link, a file that holds one, or `-` for\n"
      "standard input, which keeps it out of the list of processes.\n"
      "\n"
      "  postern invite accept - --name anna\n" },
    { "contact verify",
      "The safety number is the same on both sides, or somebody is in\n"
      "between. Compare it over another way (by voice, face to face): shown\n"
      "and asked for here, or given with --code. After a change of identity\n"
      "this is how the new one is accepted; until then nothing is sent.\n" },
    { "contact block",
      "Sends nothing more, and drops what comes; the other side is not told.\n"
      "--undo takes it back.\n" },
    { "send",
      "The text is that of -m, or of standard input, which keeps it out of\n"
      "the list of processes. The message is on the disk here before anything\n"
      "is sent, and stays until the contact confirms it.\n"
      "\n"
      "--wait says when to return: `queued`, once it is on the disk here;\n"
      "`relay`, once a relay has it on its disk; `delivered`, once the "
      "contact\n"
      "confirms it, which can take minutes after it was read. If that takes\n"
      "longer than --timeout (default 30s), the exit code is 75: the message\n"
      "is kept, and tried on whenever the store is open.\n"
      "\n"
      "  postern send ben -m \"Hello\"\n"
      "  postern send ben --file photo.jpg notes.txt\n"
      "  echo done | postern send ben --wait delivered --timeout 10m\n" },
    { "receive",
      "Prints what came, and waits up to --timeout (default 30s) for the\n"
      "first. A message is acknowledged when its line is written, its file is\n"
      "in the directory of --out, or CMD ended with 0; until then it comes\n"
      "again. CMD has the text or file on its standard input, and POSTERN_ID,\n"
      "POSTERN_FROM and others in its environment.\n"
      "\n"
      "  postern receive --out inbox\n"
      "  postern receive --follow --json --exec ./handle\n" },
    { "outbox list",
      "Each line: id, state, contact, since when, and what it waits for.\n"
      "`relayed` means that a relay has it and the contact has not confirmed\n"
      "it yet.\n" },
    { "passphrase change",
      "Asks for the present passphrase and the new one. Backups keep the\n"
      "passphrase they were made with.\n" },
    { "passphrase duress",
      "Sets a second passphrase, for who is forced to give one. The store it\n"
      "opens is empty and new; what was there before is destroyed by then, as\n"
      "by `postern panic`. Nothing on the disk tells that there is one. It\n"
      "does not reach a copy of the disk or a backup, nor a store that is\n"
      "open: while a `postern rpc` or `postern receive` runs, nobody is\n"
      "asked for a passphrase. --undo takes it away.\n" },
    { "backup create",
      "A copy of the store in a new file, sealed under a passphrase of its\n"
      "own. That passphrase alone opens it: choose a long one, and keep the\n"
      "file elsewhere.\n" },
    { "backup restore",
      "Makes a store in --home, where none may be. Its passphrase is the\n"
      "backup's. Every conversation begins anew with new keys, and contacts\n"
      "are told; open invitations are void. Messages that came since the\n"
      "backup are not in it.\n"
      "\n"
      "Never use a store and a copy of it side by side.\n" },
    { "panic",
      "Destroys the keys of the store at once, without a passphrase and\n"
      "without a question. Nothing in it can be read again, not by its owner\n"
      "either. It does not reach backups and earlier copies of the disk.\n"
      "For who may be forced to give a passphrase: `postern passphrase\n"
      "duress`.\n" },
    { "rpc",
      "Keeps the store open and serves it to programs. Commands that find\n"
      "the socket rpc.sock in the store's directory go through it and need no\n"
      "passphrase.\n"
      "\n"
      "  postern rpc --socket \"$XDG_RUNTIME_DIR/postern.sock\"\n" },
};

static void print_options(uint64_t options)
{
    for (size_t i = 0; i < CLI_OPTIONS; i++) {
        const cli_option *o = &cli_options[i];
        char left[64];
        if ((options & CLI_BIT(i)) == 0)
            continue;
        (void)snprintf(
            left, sizeof left, "%s%s%s%s%s%s", o->brief == NULL ? "" : o->brief,
            o->brief == NULL ? "" : ", ", o->name,
            o->meta == NULL  ? ""
            : o->is_optional ? "[="
                             : " ",
            o->meta == NULL ? "" : o->meta, o->is_optional ? "]" : "");
        (void)printf("  %-28s %s\n", left, o->doc);
    }
}

cli_exit cli_help(const cli_args *args)
{
    (void)printf("postern %s - end-to-end encrypted messaging over relays\n\n"
                 "usage: postern COMMAND [OPTION]...\n\n"
                 "first steps:\n"
                 "  postern init --relay ADDRESS     a store and an identity\n"
                 "  postern invite create            a link for one person\n"
                 "  postern invite accept -          or answer the other's\n"
                 "  postern send NAME -m TEXT\n"
                 "  postern receive\n\ncommands:\n",
                 postern_version());
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *c = &cli_commands[i];
        char left[64];
        (void)snprintf(left, sizeof left, "%s%s%s", c->name,
                       c->operands[0] == 0 ? "" : " ", c->operands);
        (void)printf("  %-26s %s\n", left, c->summary);
    }
    (void)printf("  %-26s options and details\n\noptions of every command:\n",
                 "help COMMAND");
    print_options(CLI_COMMON);
    (void)fputs("\nexit codes: 0 done, 1 other, 2 usage, 3 nothing received, "
                "4 unknown contact,\n  65 malformed, 69 relay unreachable, 70 "
                "a bug of ours, 73 store locked or not\n  to be created, 74 "
                "I/O, 75 kept and tried on, 76 protocol or version,\n  77 "
                "refused, 78 configuration\n",
                stdout);
    return cli_flush(args);
}

cli_exit cli_help_of(const cli_args *args, const cli_command *c)
{
    (void)printf("usage: postern %s %s%s[OPTION]...\n\n%s\n", c->name,
                 c->operands, c->operands[0] == 0 ? "" : " ", c->summary);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strcmp(pages[i].name, c->name) == 0)
            (void)printf("\n%s", pages[i].text);
    (void)printf("\noptions:\n");
    print_options(c->options | CLI_COMMON);
    return cli_flush(args);
}

/* Exit codes of posternd, a contract with scripts (relay/README.md). */
#ifndef POSTERN_RELAY_CMD_EXIT_H
#define POSTERN_RELAY_CMD_EXIT_H

typedef enum rl_exit {
    RL_EXIT_OK = 0,
    RL_EXIT_OTHER = 1,
    RL_EXIT_USAGE = 2,
    RL_EXIT_UNREACHABLE = 69, /* no relay is running here */
    RL_EXIT_INTERNAL = 70,
    RL_EXIT_CANNOT_CREATE = 73, /* exists already, or is locked */
    RL_EXIT_IO = 74,            /* the system refused; a port in use too */
    RL_EXIT_PROTOCOL = 76,
    RL_EXIT_CONFIG = 78,
} rl_exit;

#endif

/* posternd, the relay: see cmd/cmd.h for what it can be told. */
#include "relay/cmd/cmd.h"
#include "relay/sys/privs.h"

int main(int argc, char **argv)
{
    rl_exit code = RL_EXIT_IO; /* there is no stream to say why on */
    if (rl_privs_open_streams() == PN_OK)
        code = rl_cmd_main(argc, argv);
    return (int)code;
}

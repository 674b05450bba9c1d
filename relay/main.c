/* posternd, the relay: see cmd/cmd.h for what it can be told. */
#include "relay/cmd/cmd.h"

int main(int argc, char **argv)
{
    const rl_exit code = rl_cmd_main(argc, argv);
    return (int)code;
}

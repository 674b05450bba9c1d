#include "client/cli/cli.h"

cli_exit cli_version(const cli_args *args)
{
    if (args->json)
        return cli_done(args, "version",
                        json_pack("{s:s, s:i}", "version", postern_version(),
                                  "protocol", (int)postern_protocol_version()));
    (void)printf("postern %s\nprotocol %u\n", postern_version(),
                 (unsigned)postern_protocol_version());
    return cli_flush(args);
}

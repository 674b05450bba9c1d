#include <postern/postern.h>
#include <stdio.h>

#include "client/cli/cli.h"

cli_exit cli_version(const cli_args *args)
{
    if (args->json) {
        cli_json_begin("version");
        cli_json_text("version", postern_version());
        cli_json_u64("protocol", postern_protocol_version());
        cli_json_end();
    } else {
        (void)printf("postern %s\nprotocol %u\n", postern_version(),
                     (unsigned)postern_protocol_version());
    }
    return cli_flush(args);
}

#include "client/core/content.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/text.h"

static bool is_graphic(pn_bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.p[i] < 0x21 || in.p[i] > 0x7e)
            return false;
    }
    return true;
}

bool cl_file_name_ok(pn_bytes name)
{
    if (name.len == 0 || name.len > CL_FILE_NAME_MAX || !pn_line_ok(name))
        return false;
    if (pn_bytes_equal(name, PN_BYTES_LIT(".")) ||
        pn_bytes_equal(name, PN_BYTES_LIT("..")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '/' || name.p[i] == '\\')
            return false;
    }
    return true;
}

static bool has_part(const cl_content *c)
{
    return c->text.len > 0 || c->has_file || c->receipts.len > 0 ||
           c->resync != CL_RESYNC_NONE || c->queue_count > 0 ||
           c->profile_name.len > 0 || c->has_more;
}

bool cl_content_ok(const cl_content *c)
{
    const size_t receipts_max = (size_t)CL_RECEIPTS_MAX * CL_CONTENT_ID_BYTES;
    if (!has_part(c) || !pn_text_ok(c->text))
        return false;
    if (c->has_file &&
        (!cl_file_name_ok(c->file_name) ||
         c->file_type.len > CL_FILE_TYPE_MAX || !is_graphic(c->file_type)))
        return false;
    if (c->receipts.len % CL_CONTENT_ID_BYTES != 0 ||
        c->receipts.len > receipts_max)
        return false;
    if (c->resync < CL_RESYNC_NONE || c->resync > CL_RESYNC_ASKED ||
        c->queue_count > CL_QUEUES_MAX ||
        (c->queues_ms != 0 && c->queue_count == 0))
        return false;
    return c->profile_name.len <= CL_NAME_MAX && pn_line_ok(c->profile_name);
}

void cl_content_scratch_release(cl_content_scratch *s)
{
    pn_free_wiped(s->p, s->len);
    *s = (cl_content_scratch){ .p = NULL };
}

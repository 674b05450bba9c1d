#include "client/disk/inside.h"

pn_err cl_vault_verify(cl_vault *v, cl_vault_report *report)
{
    cl_vault_report r = { 0 };
    uint64_t after = 0;
    pn_err err, pages;
    *report = r;
    PN_TRY(cl_vault_ready(v));
    pages = cl_db_check(&v->db, &v->fault);
    if (pages != PN_OK && pages != PN_E_CORRUPT)
        return pages;
    for (;;) {
        cl_entry e;
        cl_record record;
        err = cl_record_walk(v, after, &e);
        if (err != PN_OK)
            break;
        after = e.id;
        err = cl_record_open(v, &e, &record);
        cl_record_clear(&record);
        if (err == PN_OK)
            r.records++;
        else if (err == PN_E_CORRUPT)
            r.damaged++;
        else
            return err;
    }
    *report = r;
    if (err != PN_E_NOT_FOUND)
        return err;
    PN_TRY(pages);
    if (r.damaged > 0)
        return PN_E_CORRUPT; /* the text names the last one's fault */
    if (r.records != v->state.count)
        return cl_fault(&v->fault, PN_E_CORRUPT, "records are missing from %s",
                        CL_FILE_DATABASE);
    return PN_OK;
}

"""The CSV files of a soak: one header line each, a unit in each name that has
one. Rows of `relays` and `processes` break off when a life ends."""

TABLES = {
    "processes": "time_s,process,life,rss_kib,pss_kib,anon_kib,fds,threads,"
                 "cpu_ms,handled,disk_kib,wal_kib",
    "relays": "time_s,relay,life,links,queues,waiting,remembered,index_kib,"
              "store_kib,written_kib,commits,forwards,parcels_kept",
    "people": "time_s,person,outbox,events,contacts,relays_online",
    "machine": "time_s,load1,free_mib",
    "messages": "number,from,to,kind,class,size_bytes,sent_s,accepted_ms,"
                "stored_ms,received_ms,confirmed_ms,given_times,was_away",
    "happened": "time_s,what,who",
}

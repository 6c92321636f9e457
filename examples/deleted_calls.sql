-- Calls that are gone from Gong: loaded once, and not seen by the newest sweep of `call_index` that
-- came to its end after they were loaded last. Gong announces deletions nowhere.
with newest as (
    select max(newestWholeSweep) as sweep
    from gong.call_index
)

select
    calls.id,
    calls.title,
    calls.started
from gong.calls as calls
cross join newest
left join gong.call_index as seen
    on seen.id = calls.id and seen.sweepStartedAt >= newest.sweep
where
    seen.id is null
    and calls._sdc_extracted_at < newest.sweep
order by calls.started;

-- Which competitors come up on the calls of which open opportunities?
-- Nested values are JSON columns in DuckDB; the tracker "Competitors" counts each name that is said.
with linked as (
    select id as call_id, started, unnest(json_extract(context, '$[*].objects[*]')) as object
    from gong.calls
),
field as (
    select
        call_id,
        started,
        object ->> 'objectId' as opportunity_id,
        unnest(json_extract(object, '$.fields[*]')) as field
    from linked
    where object ->> 'objectType' = 'Opportunity'
),
-- A call has its opportunity as it was when the call was last read: the newest call knows best.
opportunity as (
    select
        opportunity_id,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'Name') as name,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'StageName') as stage,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'Amount') as amount,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'IsClosed')
            as is_closed
    from field
    group by opportunity_id
),
tracked as (
    select id as call_id, unnest(json_extract(content, '$.trackers[*]')) as tracker
    from gong.calls
),
said as (
    select call_id, unnest(json_extract(tracker, '$.phrases[*]')) as phrase
    from tracked
    where tracker ->> 'name' = 'Competitors'
),
mention as (
    select
        opportunity_id,
        phrase ->> 'phrase' as competitor,
        sum((phrase ->> 'count')::int) as times
    from (select distinct call_id, opportunity_id from field)
    join said using (call_id)
    where (phrase ->> 'count')::int > 0
    group by opportunity_id, competitor
)
select
    name as opportunity,
    stage,
    amount::decimal(18, 0) as amount,
    string_agg(competitor || ' ' || times, ', ' order by times desc, competitor) as competitors
from mention
join opportunity using (opportunity_id)
where is_closed = 'false'
group by opportunity_id, name, stage, amount
order by amount::decimal(18, 0) desc, name
limit 12;

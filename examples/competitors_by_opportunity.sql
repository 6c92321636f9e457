-- Which competitors come up on the calls of which open opportunities?
-- Nested values are JSON columns in DuckDB; the tracker "Competitors" counts each name that is said.
with linked as (
    select id as call_id, unnest(json_extract(context, '$[*].objects[*]')) as object
    from gong.calls
),
field as (
    select
        call_id,
        object ->> 'objectId' as opportunity_id,
        unnest(json_extract(object, '$.fields[*]')) as field
    from linked
    where object ->> 'objectType' = 'Opportunity'
),
opportunity as (
    select
        call_id,
        opportunity_id,
        max(field ->> 'value') filter (where field ->> 'name' = 'Name') as name,
        max(field ->> 'value') filter (where field ->> 'name' = 'StageName') as stage,
        max(field ->> 'value') filter (where field ->> 'name' = 'Amount') as amount,
        max(field ->> 'value') filter (where field ->> 'name' = 'IsClosed') as is_closed
    from field
    group by call_id, opportunity_id
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
        any_value(name) as opportunity,
        any_value(stage) as stage,
        any_value(amount::decimal(18, 0)) as amount,
        phrase ->> 'phrase' as competitor,
        sum((phrase ->> 'count')::int) as times
    from opportunity
    join said using (call_id)
    where is_closed = 'false' and (phrase ->> 'count')::int > 0
    group by opportunity_id, competitor
)
select
    opportunity,
    stage,
    amount,
    string_agg(competitor || ' ' || times, ', ' order by times desc, competitor) as competitors
from mention
group by opportunity_id, opportunity, stage, amount
order by amount desc, opportunity
limit 12;

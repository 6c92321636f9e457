-- Which competitors come up on the calls of which open opportunities?
-- Nested values are JSON columns in DuckDB; the tracker "Competitors" counts each name said.
with linked as (
    select id as call_id, unnest(json_extract(context, '$[*].objects[*]')) as object
    from gong.calls
),
opportunity as (
    select
        call_id,
        object ->> 'objectId' as id,
        map_from_entries(
            [(field ->> 'name', field ->> 'value') for field in json_extract(object, '$.fields[*]')]
        ) as field
    from linked
    where object ->> 'objectType' = 'Opportunity'
),
tracked as (
    select id as call_id, unnest(json_extract(content, '$.trackers[*]')) as tracker
    from gong.calls
),
said as (
    select call_id, unnest(json_extract(tracker, '$.phrases[*]')) as phrase
    from tracked
    where tracker ->> 'name' = 'Competitors'
)
select
    any_value(opportunity.field['Name'][1]) as opportunity,
    any_value(opportunity.field['StageName'][1]) as stage,
    any_value(opportunity.field['Amount'][1]) as amount,
    said.phrase ->> 'phrase' as competitor,
    sum((said.phrase ->> 'count')::int) as mentions,
    count(distinct call_id) as calls
from opportunity
join said using (call_id)
where opportunity.field['IsClosed'][1] = 'false' and (said.phrase ->> 'count')::int > 0
group by opportunity.id, competitor
order by mentions desc, opportunity, competitor
limit 15;

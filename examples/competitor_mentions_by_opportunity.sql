-- Which competitors are named how often on the calls of the largest open opportunities?
-- As competitors_by_opportunity.sql, from the tables of what calls nest, a row for each pair.
with field as (
    select
        object.callId,
        object.objectId,
        calls.started,
        unnest(object.fields::json[]) as field
    from gong.call_context_objects as object
    join gong.calls on calls.id = object.callId
    where object.objectType = 'Opportunity'
),
opportunity as (
    select
        objectId,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'Name') as opportunity,
        cast(
            arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'Amount')
            as decimal(18, 0)
        ) as amount,
        arg_max(field ->> 'value', started) filter (where field ->> 'name' = 'IsClosed')
            as is_closed
    from field
    group by objectId
),
said as (
    select callId, unnest(phrases::json[]) as phrase
    from gong.call_trackers
    where name = 'Competitors'
),
mention as (
    select
        linked.objectId,
        said.phrase ->> 'phrase' as competitor,
        cast(sum(cast(said.phrase ->> 'count' as bigint)) as bigint) as mentions
    from (select distinct callId, objectId from field) as linked
    join said using (callId)
    where cast(said.phrase ->> 'count' as bigint) > 0
    group by linked.objectId, competitor
),
largest as (
    select *
    from opportunity
    where is_closed = 'false' and objectId in (select objectId from mention)
    order by amount desc, opportunity
    limit 12
)
select opportunity, amount, competitor, mentions
from mention
join largest using (objectId)
order by amount desc, opportunity, competitor;
